"""From a recipe and a screen to what the engine trains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepnoise.cards import CARD
from deepnoise.pixels import fitted_inputs, note_left_out
from deepnoise_core.contracts import Screen
from deepnoise_core.data.conditions import encode_conditions
from deepnoise_core.data.splits import PARTS, units_among
from deepnoise_core.engine.devices import DeviceName, Hardware, pick_hardware
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.job import TrainingJob, check_job
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.validation import LabelledPool
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import Composition, compose
from deepnoise_registry.recipes.recipe import Recipe


def prepared(
    recipe: Recipe, screen: Screen, catalogue: Catalogue, device: DeviceName
) -> tuple[Composition, Hardware]:
    """The composition of a recipe for a screen, known to make steps, and the hardware for it; writes nothing.

    Raises:
        InputError: recipe, screen and device do not go together.
    """
    composition = compose(recipe, screen, catalogue)
    hardware = pick_hardware(device, recipe.train.precision, recipe.train.memory_format)
    check_job(job_of(composition, hardware))
    return composition, hardware


def job_of(composition: Composition, hardware: Hardware) -> TrainingJob:
    """The job, its normalizer not fitted yet."""
    recipe, screen = composition.recipe, composition.screen
    target, split = composition.target, composition.split
    labelled = target.codes >= 0
    validation = np.flatnonzero(labelled & target.scored & split.holds("validation"))
    wells = screen.column("well_id", validation).astype(str)
    num_scored = len(target.classes) - len(target.control_classes)
    pool = LabelledPool(validation, target.codes[validation], wells, num_scored)
    conditions = encode_conditions(screen, composition.conditions, target.used)
    return TrainingJob(
        student=composition.student,
        strategy=composition.strategy,
        augmentation=composition.augmentation,
        inputs=Inputs(
            screen.store,
            composition.normalizer,
            hardware.device,
            recipe.data.image_size,
            conditions=conditions,
        ),
        screen=screen,
        classes=target.classes,
        labelled=np.flatnonzero(labelled & split.holds("train")),
        # Validation labels choose the epoch and nothing else: the loop does not get them.
        labels=np.where(split.holds("train"), target.codes, -1),
        unlabelled=np.flatnonzero(target.used & split.holds(*recipe.data.unlabelled)),
        validation=pool if len(validation) else None,
        design=composition.design,
        plan=recipe.train,
        seed=recipe.seed,
        num_treatments=target.num_treatments,
        inference=recipe.inference,
    )


def with_pixels(
    composition: Composition, catalogue: Catalogue, hardware: Hardware, observer: Observer, *, keep_rows: bool
) -> tuple[Composition, TrainingJob]:
    """The job, with what was read of its pixels; sites that cannot be read are dropped as if never listed.

    A run that is resumed keeps their rows, by which its checkpoint may know the others.
    """
    recipe = composition.recipe
    screen, inputs = fitted_inputs(
        composition.screen, composition.normalizer, recipe.data, hardware.device, observer
    )
    if inputs.bad and not keep_rows:
        left = screen.drop(inputs.bad)
        note_left_out(left.dropped[-len(inputs.bad) :], CARD, observer)
        composition = compose(recipe, left, catalogue)
        return with_pixels(composition, catalogue, hardware, observer, keep_rows=keep_rows)
    for note in composition.normalizer.notes:
        observer.note(note)
    job = job_of(composition, hardware)
    return composition, replace(
        job, screen=screen, inputs=replace(inputs, conditions=job.inputs.conditions, layout=hardware.layout)
    )


def note_parts(composition: Composition, observer: Observer) -> None:
    """Tell which sites each part of the split has, how many classes, and what was left out."""
    split, target, screen = composition.split, composition.target, composition.screen
    for part in PARTS:
        rows = np.flatnonzero(target.used & split.holds(part))
        if len(rows):
            found = units_among(screen, composition.recipe.data.split.unit, rows)
            named = ", ".join(unit for unit in getattr(split, part) if unit in found)
            observer.note(f"{part}: {len(rows):,} sites of {named}")
    beside = f", {len(target.control_classes)} of them of controls alone" if target.control_classes else ""
    observer.note(f"{len(target.classes)} classes of {composition.recipe.data.target!r}{beside}")
    note_left_out(screen.dropped, CARD, observer)
    pool = composition.recipe.data.unlabelled
    if composition.strategy.views.unlabelled and not (target.used & split.holds(*pool)).any():
        observer.note("the split leaves no unlabelled sites, so the strategy learns from labelled ones alone")
