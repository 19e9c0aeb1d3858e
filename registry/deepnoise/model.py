"""A trained model in memory: it predicts screens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deepnoise.preparation import Prepared, prepare
from deepnoise.pulling import model_folder
from deepnoise_core.contracts import Predictions, Screen
from deepnoise_core.contracts.errors import ModelError, PredictionsError
from deepnoise_core.contracts.plan import BadImages, TestTimeViews
from deepnoise_core.data.files import sha256_of
from deepnoise_core.data.names import some_of
from deepnoise_core.data.plates import with_plates
from deepnoise_core.data.splits import units_of
from deepnoise_core.data.targets import is_of_cell_type, used_sites
from deepnoise_core.data.treatments import among_treatments, are_treatments_scored
from deepnoise_core.data.wells import merge_sites, with_raw
from deepnoise_core.engine.devices import DeviceName
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_core.engine.prediction import predict_rows, site_predictions
from deepnoise_registry.bundles import MANIFEST, Bundle, read_bundle
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import compose_postprocessors
from deepnoise_registry.manifest import WEIGHTS
from deepnoise_registry.recipes.recipe import Recipe, recipe_hash

PartName = Literal["all", "train", "validation", "test"]
Unit = Literal["well", "site"]


@dataclass(frozen=True)
class Model:
    """A bundle, ready to predict.

    Attributes:
        bundle: recipe, classes, channels and network.
        catalogue: where normalizer and post-processors are found.
        reference: word that always means this bundle, of one on the Hub or built in; empty of other folders.
    """

    bundle: Bundle
    catalogue: Catalogue
    reference: str = ""

    @property
    def recipe(self) -> Recipe:
        """The recipe that it was trained by, filled."""
        return self.bundle.recipe

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
        """Predict the wells of a screen; all post-processors of the recipe are applied.

        The normalizer is fitted anew on the screen at hand, without labels. The id column `part` of each well
        says whether the model was trained on its experiment, selected on it, or never saw its labels (`test`).
        A model of treatments that learned controls too names treatments alone: see `among_treatments`.

        Args:
            screen: its channels must be the model's by name, in any order.
            part: which wells; `test` are all that were neither trained on nor selected on.
            device: `auto`, `cpu`, `cuda` or `mps`.
            bad_images: `error`, or `skip` to predict wells without the sites that cannot be read; as the recipe
                says where None.
            tta: copies of each image that are averaged: `none`, `flips` or `dihedral`; as the recipe says where
                None.
            unit: `well`, or `site` for each site by itself as WILDS counts: no post-processor, stage `raw` alone,
                and controls among the classes where they were learned.
            observer: is told of progress.

        Raises:
            ModelError: the screen's channels are not the model's.
            ScreenError: a site's cell type is none of those that the network is told of, where it is.
            PredictionsError: no well of the screen is of the part and of a role that the model knows, or none
                can be read.
            ImageError: a site cannot be read, or with `skip` too many of them.
        """
        predictions, _ = self.predict_readable(
            screen, part=part, device=device, bad_images=bad_images, tta=tta, unit=unit, observer=observer
        )
        return predictions

    def predict_readable(
        self,
        screen: Screen,
        *,
        part: PartName = "all",
        device: DeviceName = "auto",
        bad_images: BadImages | None = None,
        tta: TestTimeViews | None = None,
        unit: Unit = "well",
        observer: Observer | None = None,
    ) -> tuple[Predictions, Screen]:
        """As `predict`, and the experiments that were read: sites that cannot be are among their dropped ones."""
        parts = self.parts(screen)
        wanted = self.covers(screen) & ((parts == part) | (part == "all"))
        if not wanted.any():
            raise nothing_to_predict(screen, part, parts)
        sites, seen = self.predict_sites(
            screen, wanted, device=device, bad_images=bad_images, tta=tta, observer=observer
        )
        if not len(sites):
            raise PredictionsError(f"{screen.source}: no site of a {part} well can be read; put the images back")
        known = dict(zip(screen.column("site_id"), parts, strict=True))
        sites = replace(sites, ids={**sites.ids, "part": np.array([known[one] for one in sites.ids["site_id"]])})
        if unit == "site":
            return with_raw(sites), seen
        sites = replace(self.among_scored(sites), temperature=self.bundle.manifest.temperature)
        return self.processed(sites, seen), seen

    def predict_sites(
        self,
        screen: Screen,
        wanted: NDArray[np.bool_],
        *,
        device: DeviceName = "auto",
        bad_images: BadImages | None = None,
        tta: TestTimeViews | None = None,
        observer: Observer | None = None,
    ) -> tuple[Predictions, Screen]:
        """Predict single sites among all classes that were learned, before any post-processor.

        Args:
            screen: N sites; its channels must be the model's.
            wanted: the sites to predict, bool [N], at least one.
            device: `auto`, `cpu`, `cuda` or `mps`.
            bad_images: as of `predict`.
            tta: as of `predict`.
            observer: is told of progress.

        Returns:
            The sites that could be read, and the experiments of the wanted sites without those that could not.
        """
        observer = observer or Silent()
        ready = self.prepared(screen, wanted, device=device, bad_images=bad_images, observer=observer)
        with observer.task("predicting", len(ready.rows)) as advance, ready.hardware.autocast():
            outputs = predict_rows(
                ready.network,
                ready.inputs,
                ready.rows,
                tta=tta or self.recipe.inference.tta,
                norm=ready.norm,
                on_batch=advance,
            )
        screen, manifest = ready.screen, self.bundle.manifest
        uses = tuple(dict.fromkeys((*manifest.training["transductive"], *ready.transductive)))
        sites = site_predictions(screen, outputs, manifest.classes, transductive=uses)
        notes = (*ready.notes, *_unread(screen, ready.rows, outputs.rows))
        return replace(sites, notes=notes), screen.drop(ready.inputs.bad)

    def prepared(
        self,
        screen: Screen,
        wanted: NDArray[np.bool_],
        *,
        device: DeviceName = "auto",
        bad_images: BadImages | None = None,
        observer: Observer,
    ) -> Prepared:
        """The network in place before the wanted sites; arguments as of `predict_sites`."""
        return prepare(
            self.bundle, self.catalogue, screen, wanted, device=device, bad_images=bad_images, observer=observer
        )

    def among_scored(self, sites: Predictions) -> Predictions:
        """The predictions of sites among the classes that are scored: see `among_treatments`."""
        data = self.recipe.data
        if not are_treatments_scored(data.target, data.roles):
            return sites
        return among_treatments(sites, len(self.bundle.manifest.scored_classes))

    def embed(self, screen: Screen, *, device: DeviceName = "auto") -> NDArray[np.float32]:
        """Embeddings of the screen's wells, float32 [wells, F], in the order of `predict`'s rows."""
        embeddings = self.predict(screen, device=device).embeddings
        assert embeddings is not None  # noqa: S101 - predict always makes them
        return embeddings

    def covers(self, screen: Screen) -> NDArray[np.bool_]:
        """Whether each site is of a role and cell type that the model predicts, bool [N].

        Raises:
            ScreenError: no site has one of the roles.
        """
        data = self.bundle.recipe.data
        return used_sites(screen, data.target, data.roles) & is_of_cell_type(screen, data.cell_types)

    def parts(self, screen: Screen) -> NDArray[np.str_]:
        """The part of each site by the units that the model was trained with; unseen units are `test`; [N]."""
        split = self.bundle.manifest.training["split"]
        known = {name: part for part in ("train", "validation") for name in split[part]}
        return np.array([known.get(name, "test") for name in units_of(screen, split["unit"])])

    def processed(self, predictions: Predictions, screen: Screen) -> Predictions:
        """Predictions of a screen as the post-processors of the recipe leave them, one row a well."""
        design = with_plates(self.bundle.design, screen, self.recipe.design.sets)
        for process in compose_postprocessors(self.recipe, self.catalogue):
            predictions = process(predictions, design)
        return merge_sites(predictions)

    def provenance(self) -> dict[str, object]:
        """Which model this is, in JSON types."""
        bundle = self.bundle
        return {
            "model": bundle.manifest.name,
            "bundle": str(bundle.path.resolve()),
            **({"reference": self.reference} if self.reference else {}),
            "model_sha256": bundle.manifest.identity,
            "manifest_sha256": sha256_of(bundle.path / MANIFEST),
            "weights_sha256": bundle.manifest.sha256[WEIGHTS],
            "recipe_sha256": recipe_hash(bundle.recipe),
            "split": bundle.manifest.training["split"],
            "trained_transductively_on": bundle.manifest.training["transductive"],
        }


def nothing_to_predict(screen: Screen, part: PartName, parts: NDArray[np.str_]) -> PredictionsError:
    """The error where a screen has no well of a part that its models cover."""
    return PredictionsError(
        f"{screen.source}: no {part} well to predict; the screen's parts are {', '.join(np.unique(parts))}, its "
        f"cell types {', '.join(np.unique(screen.column('cell_type').astype(str)))}"
    )


def _unread(screen: Screen, wanted: NDArray[np.int64], read: NDArray[np.int64]) -> list[str]:
    """Notes on the sites that were left out, and on the wells of which no site was left."""
    missing = np.setdiff1d(wanted, read)
    if not len(missing):
        return []
    sites, wells = screen.column("site_id")[missing], screen.column("well_id")
    lost = sorted(set(wells[missing]) - set(wells[read]))
    notes = [f"left out {len(sites)} sites that cannot be read: {some_of(sites)}"]
    if lost:
        notes.append(
            f"{len(lost)} wells are not predicted, since none of their sites can be read: {some_of(lost)}"
        )
    return notes


def load_model(path: str | Path, catalogue: Catalogue, reference: str = "") -> Model:
    """Load a run's folder or a bundle's folder; the reference is one by which it can be found elsewhere.

    Raises:
        ModelError: the path is neither, or the bundle is not as it was written.
    """
    return Model(read_bundle(bundle_folder(path), catalogue), catalogue, reference)


def bundle_folder(model: str | Path) -> Path:
    """The folder of the bundle that a path names, which may be that of its run, or of one on the Hub.

    Raises:
        ModelError: there is no folder, or its run has not finished.
        HubError: the Hub does not give it.
    """
    path = model_folder(model)
    if (path / "bundle").is_dir():
        return path / "bundle"
    if (path / "recipe.yaml").is_file() and not (path / MANIFEST).is_file():
        raise ModelError(f"{path}: this run has not finished; continue it with deepnoise train --resume {path}")
    return path
