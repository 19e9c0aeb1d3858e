"""Several models that predict as one: the mean of their logits, well by well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepnoise.model import Model, PartName, Unit, load_model, nothing_to_predict
from deepnoise.pixels import with_pixels_read
from deepnoise.preparation import whole_experiments
from deepnoise.pulling import lasting_reference, model_folder
from deepnoise.series import RECORD, member_folders
from deepnoise.site_outputs import Seeing, Sites
from deepnoise_core.contracts import ID_COLUMNS, Predictions, Screen
from deepnoise_core.contracts.errors import InputError, ModelError, PredictionsError
from deepnoise_core.contracts.plan import BadImages, TestTimeViews
from deepnoise_core.data.names import natural_key, some_of
from deepnoise_core.data.rows import first_of_wells, rows_of_sites
from deepnoise_core.data.targets import codes_among
from deepnoise_core.data.temperature import fit_temperature
from deepnoise_core.engine.devices import DeviceName
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.recipe import Recipe

_MOST_SEEN = ("train", "validation", "test")


@dataclass(frozen=True)
class Ensemble:
    """Models of the same classes, which may cover different wells, e.g. one cell type each.

    Reader, post-processors and what is known of plates are those of the first member. There are no embeddings,
    since those of different networks have nothing in common.

    Attributes:
        members: two models or more.
        weights: one a member, positive; normalised over the members that predict a well.

    Raises:
        ModelError: members have other targets, classes or channels.
        InputError: there are not as many positive weights as members.
    """

    members: tuple[Model, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        _require_weights(self.weights, len(self.members))
        for member in self.members[1:]:
            _require_alike(self.members[0], member)

    @property
    def recipe(self) -> Recipe:
        """The first member's, which names reader and post-processors."""
        return self.members[0].recipe

    def predict(
        self,
        screen: Screen,
        *,
        part: PartName = "all",
        device: DeviceName = "auto",
        bad_images: BadImages | None = None,
        tta: TestTimeViews | None = None,
        unit: Unit = "well",
        observer: Observer | None = None,
    ) -> Predictions:
        """Predict the wells of a screen that at least one member covers.

        Logits are averaged over sites, then over members. A well is of part `train` where any member was trained
        on it, else `validation` where any was selected on it, else `test`. A temperature is fitted on the wells
        of `validation` that are predicted. Notes tell how many these are, and which members lack wells.

        Args:
            screen: its channels must be the members' by name, in any order.
            part: which wells; `test` are all on which no member was trained or selected.
            device: `auto`, `cpu`, `cuda` or `mps`.
            bad_images: `error`, or `skip`; as each member's recipe says where None.
            tta: `none`, `flips` or `dihedral`; as each member's recipe says where None.
            unit: `well` alone; a site is predicted by one model.
            observer: is told of progress.

        Raises:
            ModelError: the screen's channels are not the models', or sites are asked for.
            PredictionsError: no well is of the part and covered, or none can be read.
            ImageError: a site cannot be read, or with `skip` too many of them.
        """
        how = Seeing(device, bad_images, tta, observer or Silent())
        predictions, _ = self.see(screen, part, unit, how)()
        return predictions

    def see(
        self, screen: Screen, part: PartName, unit: Unit, how: Seeing
    ) -> Callable[[], tuple[Predictions, Screen]]:
        """As `Model.see`; each member keeps what it sees in a folder of its own."""
        if unit == "site":
            raise ModelError(
                f"an ensemble of {len(self.members)} predicts wells, no single sites; predict with one member, "
                f"as {self.members[0].bundle.path}"
            )
        parts = self.parts(screen)
        chosen = (parts == part) | (part == "all")
        covered = np.stack([member.covers(screen) & chosen for member in self.members])
        wanted: NDArray[np.bool_] = np.logical_or.reduce(covered)
        if not wanted.any():
            raise nothing_to_predict(screen, part, parts)
        needed = whole_experiments(screen, wanted)
        screen, parts, wanted = screen.take(np.flatnonzero(needed)), parts[needed], wanted[needed]
        data = self.recipe.data.model_copy(update={"bad_images": how.bad_images or self.recipe.data.bad_images})
        screen = with_pixels_read(screen, (), data, how.observer)
        heard: list[Callable[[], Predictions] | None] = []
        unread: dict[str, str] = {}
        for number, (member, own) in enumerate(zip(self.members, covered[:, needed], strict=True), start=1):
            heard.append(None)
            if not own.any():
                continue
            how.observer.note(f"member {number} of {len(self.members)}: {member.bundle.manifest.name}")
            sites = member.sites(screen, own, how.of_member(number))
            unread |= {one.site_id: one.reason for one in sites.readable.dropped}
            heard[-1] = _voice(member, sites, kept=how.keep is not None)

        def finish() -> tuple[Predictions, Screen]:
            rows = rows_of_sites(screen, unread)
            left = screen.drop({rows[site]: reason for site, reason in unread.items() if site in rows})
            voices = [wells and wells() for wells in heard]
            mean = self._calibrated(self._mean(screen, parts, wanted, voices), screen, parts)
            return self.members[0].processed(mean, left), left

        return finish

    def embed(self, screen: Screen, *, device: DeviceName = "auto") -> NDArray[np.float32]:
        """Refused: the features of different networks have nothing in common, so there is no mean of them.

        Raises:
            ModelError: always; load one of the members.
        """
        raise ModelError(
            f"an ensemble of {len(self.members)} has no embeddings; load one member, "
            f"as {self.members[0].bundle.path}"
        )

    def parts(self, screen: Screen) -> NDArray[np.str_]:
        """The part of each site by the member that has seen most of it, [N]."""
        order = np.array(_MOST_SEEN)
        seen = [np.argmax(member.parts(screen)[:, None] == order, axis=1) for member in self.members]
        joined: NDArray[np.str_] = order[np.min(seen, axis=0)]
        return joined

    def provenance(self) -> dict[str, object]:
        """Which models these are and what each counts, in JSON types."""
        members = [
            {**member.provenance(), "weight": weight}
            for member, weight in zip(self.members, self.weights, strict=True)
        ]
        return {"model": f"ensemble of {len(members)}", "members": members}

    def _mean(
        self,
        screen: Screen,
        parts: NDArray[np.str_],
        wanted: NDArray[np.bool_],
        voices: Sequence[Predictions | None],
    ) -> Predictions:
        """Weighted mean of the members' logits of each well that one of them predicts, in the screen's order."""
        rows = first_of_wells(screen, np.flatnonzero(wanted))
        place = {well: index for index, well in enumerate(screen.column("well_id", rows))}
        classes = self.members[0].bundle.manifest.scored_classes
        total, weight = np.zeros((len(rows), len(classes))), np.zeros(len(rows))
        for own, voice in zip(self.weights, voices, strict=True):
            if voice is not None:
                at = [place[well] for well in voice.ids["well_id"]]
                total[at] += own * voice.scores[:, [voice.classes.index(name) for name in classes]]
                weight[at] += own
        heard = np.flatnonzero(weight)
        if not len(heard):
            raise PredictionsError(f"{screen.source}: no site of a wanted well can be read; put the images back")
        ids = {name: screen.column(name, rows[heard]) for name in ID_COLUMNS}
        given = [voice for voice in voices if voice is not None]
        return Predictions(
            ids={**ids, "part": parts[rows[heard]]},
            classes=classes,
            scores=(total[heard] / weight[heard, None]).astype(np.float32),
            transductive=tuple(dict.fromkeys(use for voice in given for use in voice.transductive)),
            notes=(*_differences(self.members), *self._coverage(voices, len(heard))),
        )

    def _calibrated(self, predictions: Predictions, screen: Screen, parts: NDArray[np.str_]) -> Predictions:
        """The predictions with the temperature that validation wells fit, or a note that there is none.

        Each member has its own, but the mean of networks that are as sure as they are right is less sure than it
        is right (Rahaman & Thiery, NeurIPS 2021, arXiv 2007.08792).
        """
        target = self.members[0].bundle.manifest.training["target"]
        codes = codes_among(screen, target, predictions.classes, parts == "validation")
        of_well = dict(zip(screen.column("well_id"), codes, strict=True))
        labels = np.array([of_well[well] for well in predictions.ids["well_id"]], dtype=np.int64)
        fit = np.flatnonzero((labels >= 0) & (predictions.scores > -np.inf).any(axis=1))
        if not len(fit):
            note = (
                "no temperature was fitted for the ensemble: no predicted well is one that members were selected "
                "on and none was trained on"
            )
            return replace(predictions, notes=(*predictions.notes, note))
        note = f"the ensemble's temperature was fitted on {len(fit):,} validation wells"
        temperature = fit_temperature(predictions.scores[fit], labels[fit])
        return replace(predictions, temperature=temperature, notes=(*predictions.notes, note))

    def _coverage(self, voices: Sequence[Predictions | None], wells: int) -> list[str]:
        """What the members say of themselves, and how many wells each of them lacks."""
        notes = []
        for number, (member, voice) in enumerate(zip(self.members, voices, strict=True), start=1):
            name = f"member {number} ({member.bundle.manifest.name})"
            notes += [f"{name}: {note}" for note in (voice.notes if voice is not None else ())]
            heard = len(voice) if voice is not None else 0
            if heard < wells:
                alone = member.recipe.data.cell_types
                of = f", of cell type {' and '.join(alone)} alone" if alone else ""
                notes.append(f"{name} predicts {heard:,} of the {wells:,} wells{of}")
        return notes


def _voice(member: Model, sites: Sites, *, kept: bool) -> Callable[[], Predictions]:
    # What is in memory is merged at once, so that it is not there for all members.
    return partial(member.wells_of, sites) if kept else partial(lambda made: made, member.wells_of(sites))


def load_models(
    paths: Sequence[str | Path],
    catalogue: Catalogue,
    weights: Sequence[float] | None = None,
    observer: Observer | None = None,
) -> Model | Ensemble:
    """The model of a run or bundle, or the ensemble of several and of the members of series.

    Args:
        paths: folders of runs, bundles or series, or `hf-hub:org/name[@revision]`; at least one.
        catalogue: where components are found.
        weights: one a path, positive; of a series it is the weight of each member. All equal where None.
        observer: is told what is pulled.

    Raises:
        HubError: the Hub does not give a model.
        ModelError: a path is none of these or has not finished, or the models do not go together.
        InputError: weights do not match the paths.
    """
    if weights is not None:
        _require_weights(weights, len(paths))
    members: list[Model] = []
    shares: list[float] = []
    for path, weight in zip(paths, weights or [1.0] * len(paths), strict=True):
        place = model_folder(path, observer)
        folders = member_folders(place) if (place / RECORD).is_file() else [place]
        members += [load_model(folder, catalogue, lasting_reference(path, place)) for folder in folders]
        shares += [weight] * len(folders)
    return members[0] if len(members) == 1 else Ensemble(tuple(members), tuple(shares))


def _require_weights(weights: Sequence[float], models: int) -> None:
    if len(weights) != models or not all(0 < weight < np.inf for weight in weights):
        raise InputError(
            f"{models} models need as many positive weights, in their order, but they are "
            f"{', '.join(map(str, weights))}"
        )


def _require_alike(first: Model, other: Model) -> None:
    """Refuse members whose logits cannot be averaged."""
    one, two = first.bundle.manifest, other.bundle.manifest
    pair = f"{first.bundle.path} and {other.bundle.path}: models that predict together need the same"
    if one.training["target"] != two.training["target"]:
        raise ModelError(
            f"{pair} target, but one names {one.training['target']!r}, one {two.training['target']!r}"
        )
    unlike = sorted({*one.scored_classes} ^ {*two.scored_classes}, key=natural_key)
    if unlike:
        raise ModelError(f"{pair} classes, but {len(unlike)} are of one of them alone: {some_of(unlike)}")
    if sorted(one.channels) != sorted(two.channels):
        raise ModelError(f"{pair} channels, but have {', '.join(one.channels)} and {', '.join(two.channels)}")


def _differences(members: Sequence[Model]) -> list[str]:
    """Notes on what the first member decides for others that name something else."""
    notes = []
    for field in ("reader", "postprocessors"):
        numbers = [
            str(number)
            for number, member in enumerate(members, start=1)
            if getattr(member.recipe, field) != getattr(members[0].recipe, field)
        ]
        if numbers:
            notes.append(f"{field} are those of member 1; member {', '.join(numbers)} was trained with others")
    return notes
