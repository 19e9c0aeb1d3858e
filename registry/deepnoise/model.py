"""A trained model in memory: it predicts screens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise.preparation import Prepared, prepare
from deepnoise.pulling import model_folder
from deepnoise.site_outputs import Seeing, Sites, asked_of, kept_sites, seen_sites
from deepnoise_core.contracts import Kind, Predictions, Screen
from deepnoise_core.contracts.errors import ModelError, PredictionsError
from deepnoise_core.contracts.plan import BadImages, TestTimeViews
from deepnoise_core.data.files import sha256_of
from deepnoise_core.data.plates import with_plates
from deepnoise_core.data.splits import PARTS, Part, parts_of
from deepnoise_core.data.targets import is_of_cell_type, used_sites
from deepnoise_core.data.treatments import among_treatments, are_treatments_scored
from deepnoise_core.data.wells import merge_sites, with_raw
from deepnoise_core.engine.devices import DeviceName, pick_hardware
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_core.engine.processes import is_first
from deepnoise_registry.bundles import MANIFEST, Bundle, read_bundle
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import compose_postprocessors
from deepnoise_registry.manifest import WEIGHTS
from deepnoise_registry.recipes.recipe import Recipe, recipe_hash

PartName = Literal["all", "train", "validation", "test"]
Unit = Literal["well", "site"]

_LEARNED: tuple[Part, ...] = ("train", "validation")
_SITE_MEAN = "plates/site-mean"
"""The step by which each well is made of its own sites."""


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
        how = Seeing(device, bad_images, tta, observer or Silent())
        predictions, _ = self.see(screen, part, unit, how)()
        return predictions

    def see(
        self, screen: Screen, part: PartName, unit: Unit, how: Seeing
    ) -> Callable[[], tuple[Predictions, Screen]]:
        """Let the network see all sites now; what is made of them, as of `predict`, when the result is called.

        It gives the experiments that were read too: sites that cannot be are among their dropped ones. Of several
        processes that keep what they see in shards, one alone needs to call it.
        """
        sites = self.sites(screen, self.wanted(screen, part), how)

        def finish() -> tuple[Predictions, Screen]:
            if len(sites.bad) and np.isin(sites.rows, list(sites.bad)).all():
                raise PredictionsError(
                    f"{screen.source}: no site of a {part} well can be read; put the images back"
                )
            return self._processed(sites, unit), sites.readable

        return finish

    def wanted(self, screen: Screen, part: PartName) -> NDArray[np.bool_]:
        """The sites of a part that the model predicts, bool [N].

        Raises:
            PredictionsError: there are none.
        """
        wanted = self.covers(screen)
        if part != "all":
            wanted &= (self._parts(screen.sites) == part).to_numpy()
        if not wanted.any():
            raise nothing_to_predict(screen, part, self.parts(screen))
        return wanted

    def sites(self, screen: Screen, wanted: NDArray[np.bool_], how: Seeing) -> Sites:
        """What the network says of single sites, among all classes that were learned.

        Args:
            screen: N sites; its channels must be the model's.
            wanted: the sites to predict, bool [N], at least one.
            how: device, policies, and where what is seen is kept.

        Raises:
            OutputError: what is kept there was begun with something else, or it cannot be written.
        """
        self.begin(screen, wanted, how)
        return self.begun_sites(screen, wanted, how)

    def begin(self, screen: Screen, wanted: NDArray[np.bool_], how: Seeing) -> None:
        """The first half of `sites`: make the place where what is seen is kept, or refuse it; reads no image."""
        if how.keep is None or not is_first():
            return
        hardware, known = pick_hardware(how.device, self.recipe.train.precision), self.provenance()
        asked = {name: str(known[f"{name}_sha256"]) for name in ("model", "weights", "recipe")} | {
            "tta": how.tta or self.recipe.inference.tta,
            "bad_images": how.bad_images or self.recipe.data.bad_images,
            "device": f"{hardware.device.type}, {hardware.way}",
        }
        classes = list(self.bundle.manifest.classes)
        about = {"screen": screen.source, "reader": screen.reader, "classes": classes}
        how.keep.begin({**asked, **asked_of(screen, wanted)}, {**known, **about})

    def begun_sites(self, screen: Screen, wanted: NDArray[np.bool_], how: Seeing) -> Sites:
        """The second half of `sites`."""
        manifest, tta = self.bundle.manifest, how.tta or self.recipe.inference.tta
        ready = self.prepared(screen, wanted, device=how.device, bad_images=how.bad_images, observer=how.observer)
        if how.keep:
            return kept_sites(ready, manifest, tta, how.observer, keep=how.keep, part=self._parts)
        return seen_sites(ready, manifest, tta, how.observer)

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
        names: NDArray[np.str_] = np.array(PARTS)[self._parts(screen.sites).to_physical()]
        return names

    def processed(self, predictions: Predictions, screen: Screen) -> Predictions:
        """Predictions of a screen as the post-processors of the recipe leave them, one row a well."""
        design = with_plates(self.bundle.design, screen, self.recipe.design.sets)
        for process in compose_postprocessors(self.recipe, self.catalogue):
            predictions = process(predictions, design)
        return merge_sites(predictions)

    def wells_of(self, sites: Sites) -> Predictions:
        """One row a well, among the classes that are scored: the mean of its sites' logits and embeddings."""
        return sites.predictions(lambda some: merge_sites(self.among_scored(some)))

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

    def _parts(self, sites: pl.DataFrame) -> pl.Series:
        split = self.bundle.manifest.training["split"]
        known: dict[str, Part] = {name: part for part in _LEARNED for name in split[part]}
        return parts_of(sites, split["unit"], known, "test")

    def _processed(self, sites: Sites, unit: Unit) -> Predictions:
        """What the recipe makes of sites; all are held at once only where a step works on sites."""
        if unit == "site":
            return with_raw(self._with_parts(sites.predictions()))
        steps = self.recipe.postprocessors
        folds = not steps or self.catalogue.find(Kind.POSTPROCESSOR, steps[0].name).qualified_name == _SITE_MEAN
        found = self.wells_of(sites) if folds else self.among_scored(sites.predictions())
        found = replace(self._with_parts(found), temperature=self.bundle.manifest.temperature)
        return self.processed(found, sites.readable)

    def _with_parts(self, found: Predictions) -> Predictions:
        units = pl.DataFrame({name: found.ids[name].tolist() for name in ("experiment", "plate")})
        return replace(found, ids={**found.ids, "part": np.array(self._parts(units).to_list())})


def nothing_to_predict(screen: Screen, part: PartName, parts: NDArray[np.str_]) -> PredictionsError:
    """The error where a screen has no well of a part that its models cover."""
    return PredictionsError(
        f"{screen.source}: no {part} well to predict; the screen's parts are {', '.join(np.unique(parts))}, its "
        f"cell types {', '.join(np.unique(screen.column('cell_type').astype(str)))}"
    )


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
