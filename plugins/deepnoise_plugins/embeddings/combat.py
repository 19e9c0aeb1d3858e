"""Location and scale adjustment of batches (ComBat).

Johnson, Li and Rabinovic, Biostatistics 2007, doi 10.1093/biostatistics/kxj037.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import PlateDesign, Predictions
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.names import did_you_mean, some_of
from deepnoise_plugins.embeddings.center_scale import center_and_spread
from deepnoise_plugins.embeddings.empirical_bayes import adjust_batches, fit_batches
from deepnoise_plugins.embeddings.options import CombatOptions
from deepnoise_plugins.embeddings.profiles import Groups, Profiles, open_profiles, role_counts


class Combat:
    """Takes each batch's shift and scale out of each feature, as far as the other features confirm them.

    All wells count, so batches must hold alike wells: what differs between batches goes, whatever its cause.
    `keep_roles` keeps the mean differences between roles; labels are never used.
    """

    def __init__(self, options: CombatOptions) -> None:
        self.options = options

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        """Replaces the embeddings, of sites or wells.

        Raises:
            PredictionsError: no embeddings, one that is not finite, a batch of one well or without any
                spread, roles that cannot be told from batches, or a reference batch that does not exist.
        """
        if not len(predictions):
            return predictions
        options, profiles = self.options, open_profiles(predictions, "combat")
        batches = profiles.groups(options.batch)
        reference = self._reference(batches)
        uses = f"embeddings of all wells by {options.batch}"
        if len(batches.names) == 1:
            note = f"all wells are of one {options.batch}, so nothing is adjusted"
            return profiles.replaced(profiles.values, uses, [note])
        _check_wells(profiles, batches)
        roles = _indicators(profiles.column("role")) if options.keep_roles else np.empty((len(predictions), 0))
        fit = fit_batches(profiles.values, batches.of_row, roles, reference)
        if fit.confounded:
            raise PredictionsError(
                f"combat cannot tell roles from batches: some {options.batch}s share no role with the others "
                f"(there are {role_counts(profiles)}); set keep_roles to false"
            )
        _check_spread(profiles, batches, fit.spread > 0)
        values = adjust_batches(
            profiles.values, batches.of_row, fit, reference=reference, mean_only=options.mean_only
        )
        return profiles.replaced(values, uses, _notes(profiles, batches, fit.spread))

    def _reference(self, batches: Groups) -> int | None:
        wanted = self.options.reference_batch
        if wanted is None:
            return None
        names = [name.removeprefix(f"{self.options.batch} ") for name in batches.names]
        if wanted not in names:
            raise PredictionsError(
                f"combat: reference_batch {wanted!r} is no {self.options.batch} of these predictions"
                f"{did_you_mean(wanted, names)}; there are {some_of(names)}"
            )
        return names.index(wanted)


def _check_wells(profiles: Profiles, batches: Groups) -> None:
    counts = batches.count_wells(profiles.wells, np.arange(len(profiles.values)))
    single = [batches.names[batch] for batch in np.flatnonzero(counts < 2)]
    if single:
        raise PredictionsError(
            f"combat needs two wells a batch, but {len(single)} of {len(batches.names)} have one "
            f"({some_of(single)}); set batch to experiment, or predict more of their wells"
        )


def _check_spread(profiles: Profiles, batches: Groups, moved: NDArray[np.bool_]) -> None:
    if np.count_nonzero(moved) < 2:
        raise PredictionsError(
            f"combat compares features with one another, but of {len(moved)} only {np.count_nonzero(moved)} vary "
            "within batches"
        )
    for batch, name in enumerate(batches.names):
        _, spread = center_and_spread(profiles.values[batches.rows(batch)], "standard")
        if not spread[moved].any():
            raise PredictionsError(f"combat: all wells of {name} have the same embedding, so it has no scale")


def _indicators(column: NDArray[np.object_]) -> NDArray[np.float64]:
    """A column of zeros and ones for each value but the first, [N, values - 1]."""
    values, index = np.unique(column.astype(str), return_inverse=True)
    return np.eye(len(values))[index][:, 1:]


def _notes(profiles: Profiles, batches: Groups, spread: NDArray[np.float64]) -> list[str]:
    notes = []
    flat = np.count_nonzero(spread == 0)
    if flat:
        notes.append(
            f"{flat} of {len(spread)} features have no spread within batches, and only lose their shifts"
        )
    cell_types = profiles.groups("cell_type")
    mixed = {*zip(batches.of_row.tolist(), cell_types.of_row.tolist(), strict=True)}
    if len(cell_types.names) > 1 and len(mixed) == len(batches.names):
        notes.append("batches hold one cell type each, so what differs between cell types is removed as well")
    return notes
