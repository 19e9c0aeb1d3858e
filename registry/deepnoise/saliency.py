"""Which channel a model's answers rest on, class by class, and where in an image."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from deepnoise.model import Model
from deepnoise_core.contracts import Predictions, Role, Screen
from deepnoise_core.contracts.errors import ImageError, ModelError, PredictionsError
from deepnoise_core.data.names import some_of
from deepnoise_core.data.randomness import permutation
from deepnoise_core.data.treatments import are_treatments_scored, treated_sites
from deepnoise_core.data.wells import merge_sites
from deepnoise_core.engine.devices import DeviceName
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_core.engine.prediction import SiteOutputs, site_predictions
from deepnoise_core.engine.saliency import channel_means, grad_cam, loss_by_channel, occlusion, patch_occlusion

Fill = Literal["mean", "negative_controls"]
"""What takes a channel's place: its mean over the sites looked at, or over negative controls, as normalized."""

_LEAST_PLACES = 4
"""A map of fewer places on a side tells halves of an image, no cells."""


@dataclass(frozen=True)
class ChannelSaliency:
    """What a model's raw answers lose with each channel.

    Attributes:
        channels: names of the C channels.
        wells: C rows a well: `well_id`, `class` (the raw label), `channel`, `fall` (nats by which the label's
            log-probability falls without the channel) and `changed` (whether the label is another one then).
        by_class: `class`, `channel`, `wells` (how many), `fall` (mean) and `changed` (share), C rows a class.
        overall: `channel`, `fall`, `changed` over all wells, C rows in the order of the channels.
        fill: what took the place of a channel.
        notes: one line for each thing that a reader must know.
    """

    channels: tuple[str, ...]
    wells: pl.DataFrame
    by_class: pl.DataFrame
    overall: pl.DataFrame
    fill: Fill
    notes: tuple[str, ...]


@dataclass(frozen=True)
class HeatMaps:
    """Where the evidence lies in n images.

    Attributes:
        maps: float32 [n, H, W] of the size that the network sees, in the order that was asked for; 0 is nothing,
            and they compare within an image alone.
        way: how they were made.
        notes: of which layer, or why not by Grad-CAM.
    """

    maps: NDArray[np.float32]
    way: Literal["Grad-CAM", "occlusion"]
    notes: tuple[str, ...]


def channel_saliency(
    model: Model,
    screen: Screen,
    wells: Collection[str] | None = None,
    *,
    most: int | None = None,
    fill: Fill = "mean",
    device: DeviceName = "auto",
    observer: Observer | None = None,
) -> ChannelSaliency:
    """Predict wells with all channels, and again without each of them.

    The path is that of `Model.predict` up to the raw label: normalizer, test-time copies, batch-norm statistics,
    precision, mean of the sites' logits, temperature. No true label is read.

    Args:
        model: its channels must be the screen's.
        screen: whole experiments, since normalizers are fitted on it.
        wells: their `well_id`; all that the model covers where None.
        most: that many of them, drawn at random but always the same; all where None.
        fill: what takes a channel's place.
        device: `auto`, `cpu`, `cuda` or `mps`.
        observer: is told of progress.

    Raises:
        PredictionsError: the screen lacks a well, or the model predicts none of them a class, or there are no
            negative controls to take the mean of.
        ModelError: the screen's channels are not the model's.
        ImageError: a site cannot be read.
    """
    observer = observer or Silent()
    wanted = _sites_of(model, screen, wells, most)
    ready = model.prepared(screen, wanted, device=device, observer=observer)
    with observer.task("predicting without each channel", len(ready.rows)) as advance, ready.hardware.autocast():
        found = occlusion(
            ready.network,
            ready.inputs,
            ready.rows,
            fill=channel_means(ready.inputs, _reference(ready.screen, ready.rows, fill)),
            tta=model.recipe.inference.tta,
            norm=ready.norm,
            on_batch=advance,
        )
    scores, *without = (
        _of_wells(model, ready.screen, found.rows, logits)
        for logits in (found.logits, *found.without.swapaxes(0, 1))
    )
    loss = loss_by_channel(
        scores.unrestricted,
        np.stack([one.unrestricted for one in without], axis=1),
        model.bundle.manifest.temperature,
    )
    named = np.flatnonzero(loss.label >= 0)
    if not len(named):
        raise PredictionsError(f"{screen.source}: the model predicts none of the {len(scores)} wells a class")
    classes = np.array(scores.classes, dtype=object)[loss.label[named]]
    channels = ready.screen.channels
    width = len(channels)
    table = pl.DataFrame(
        {
            "well_id": np.repeat(scores.ids["well_id"][named], width),
            "class": np.repeat(classes, width).tolist(),
            "channel": np.tile(np.array(channels), len(named)).tolist(),
            "fall": loss.fall[named].ravel(),
            "changed": loss.changed[named].ravel(),
        }
    )
    means = (pl.col("fall").mean(), pl.col("changed").mean())
    by_class = table.group_by("class", "channel", maintain_order=True).agg(pl.len().alias("wells"), *means)
    overall = table.group_by("channel", maintain_order=True).agg(*means)
    return ChannelSaliency(channels, table, by_class, overall, fill, ready.notes)


def heat_maps(
    model: Model,
    screen: Screen,
    rows: NDArray[np.int64],
    classes: Sequence[str] | None = None,
    *,
    device: DeviceName = "auto",
    observer: Observer | None = None,
) -> HeatMaps:
    """Where in images of sites the evidence for a class lies, by Grad-CAM or, where it is coarse, occlusion.

    In float32, with the batch-norm statistics of training.

    Args:
        model: its channels must be the screen's.
        screen: whole experiments, since normalizers are fitted on it.
        rows: sites of the screen, int64 [n]; all at once, so give few.
        classes: names of n classes of the model; the best class of each site where None.
        device: `auto`, `cpu`, `cuda` or `mps`.
        observer: is told of progress.

    Raises:
        ModelError: the screen's channels are not the model's.
        ImageError: a site cannot be read.
    """
    wanted = np.isin(np.arange(len(screen)), rows)
    ready = model.prepared(screen, wanted, device=device, observer=observer or Silent())
    place = dict(zip(np.flatnonzero(wanted).tolist(), ready.rows, strict=True))
    looked = np.array([place[row] for row in rows.tolist()], dtype=np.int64)
    ((found, pixels),) = ready.inputs.read_ahead([looked])
    if len(found) < len(looked):
        raise ImageError(f"{screen.source}: {len(looked) - len(found)} of {len(looked)} sites cannot be read")
    view = ready.inputs.clean(pixels, found)
    number = {name: place for place, name in enumerate(model.bundle.manifest.classes)}
    asked = None if classes is None else torch.tensor([number[name] for name in classes]).to(view.images.device)
    try:
        heat = grad_cam(ready.network, view, asked)
    except ModelError as error:
        why_not = f"{error}."
    else:
        places = f"the layer {heat.layer}, whose map has {heat.places[0]} × {heat.places[1]} places"
        if min(heat.places) >= _LEAST_PLACES:
            return HeatMaps(heat.maps.cpu().numpy(), "Grad-CAM", (f"Grad-CAM is made of {places}.",))
        why_not = f"Patches are occluded, since Grad-CAM would be made of {places}."
    maps = patch_occlusion(ready.network, view, channel_means(ready.inputs, looked), asked)
    return HeatMaps(maps.cpu().numpy(), "occlusion", (why_not,))


def _sites_of(model: Model, screen: Screen, wells: Collection[str] | None, most: int | None) -> NDArray[np.bool_]:
    """Whether each site is of a well that is asked for and that the model names, bool [N]."""
    data = model.recipe.data
    ids = screen.column("well_id").astype(str)
    wanted = model.covers(screen)
    if are_treatments_scored(data.target, data.roles):
        wanted &= treated_sites(screen)
    if wells is not None:
        missing = sorted(set(wells) - set(ids[wanted]))
        if missing:
            name = model.bundle.manifest.name
            raise PredictionsError(f"{screen.source}: the model {name!r} names no wells {some_of(missing)} of it")
        wanted &= np.isin(ids, list(wells))
    names = np.unique(ids[wanted])
    if most is None or most >= len(names):
        return wanted
    drawn = permutation(len(names), seed=0, epoch=0, purpose="wells of saliency")[:most]
    return wanted & np.isin(ids, names[drawn])


def _reference(screen: Screen, rows: NDArray[np.int64], fill: Fill) -> NDArray[np.int64]:
    """The sites whose mean takes a channel's place."""
    if fill == "mean":
        return rows
    controls = np.flatnonzero(screen.column("role") == Role.NEGATIVE_CONTROL)
    if not len(controls):
        raise PredictionsError(
            f"{screen.source}: has no negative controls whose mean could take a channel's place; fill with `mean`"
        )
    return controls


def _of_wells(model: Model, screen: Screen, rows: NDArray[np.int64], logits: NDArray[np.float32]) -> Predictions:
    """The logits of sites as those of their wells."""
    outputs = SiteOutputs(rows, logits, np.empty((len(rows), 0), dtype=np.float32))
    sites = site_predictions(screen, outputs, model.bundle.manifest.classes)
    return merge_sites(replace(model.among_scored(sites), embeddings=None))
