"""Weights of other programs as bundles: tensors are renamed by rules until every one of them has its place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from pydantic import Field, model_validator
from torch import Tensor

from deepnoise_core.contracts import NO_LABEL, Kind, Options, PlateDesign, Screen
from deepnoise_core.contracts.errors import InputError, ModelError
from deepnoise_core.data.files import refuse_taken, sha256_of
from deepnoise_core.data.names import some_of
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.splits import Split
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.data.targets import Target
from deepnoise_core.engine.checkpoint_reading import read_checkpoint
from deepnoise_registry.building import build
from deepnoise_registry.bundles import write_bundle
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import Composition, compose_network, compose_postprocessors
from deepnoise_registry.recipes.document import parse_document
from deepnoise_registry.recipes.recipe import Recipe
from deepnoise_registry.recipes.validation import validate_options

_COUNTS = "num_batches_tracked"


class Rule(Options):
    """One change of names: a regular expression, and what replaces it or that the tensor is left out."""

    match: Annotated[str, Field(min_length=1)] = Field(description="regular expression, found anywhere in a name")
    to: str | None = Field(None, description=r"what replaces it; \1 is its first group")
    drop: bool = Field(default=False, description="leave out the tensors whose names it matches")

    @model_validator(mode="after")
    def _either_renames_or_drops(self) -> Rule:
        if (self.to is None) != self.drop:
            raise ValueError("say either to, or drop: true")
        try:
            re.compile(self.match)
            re.sub(self.match, self.to or "", "")
        except (re.error, IndexError) as error:
            raise ValueError(f"is no regular expression with its replacement: {error}") from None
        return self


class Rules(Options):
    """How the tensors of a checkpoint are called in a network of deepnoise."""

    select: str = Field(
        "", description="key under which the weights lie, dots between keys; all tensors if empty"
    )
    rules: tuple[Rule, ...] = Field((), description="applied to every name in this order")


@dataclass(frozen=True)
class Described:
    """What a checkpoint does not say of itself.

    Attributes:
        classes: names of the classes, in the order of the logits.
        channels: names of the channels, in the order of the first convolution.
        size: height and width of the images that the network is given, in pixels.
    """

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    size: int


def import_checkpoint(
    file: Path, rules: Rules, recipe: Recipe, described: Described, out: Path, catalogue: Catalogue
) -> tuple[str, ...]:
    """Write a bundle with the weights of a PyTorch checkpoint.

    Args:
        file: the checkpoint; see `read_checkpoint` for how it is read.
        rules: rename its tensors to those of the recipe's network, `backbone.…` and `head.…`.
        recipe: filled; names backbone, head, normalizer and post-processors.
        described: classes, channels and size.
        out: folder of the bundle; must not exist yet.
        catalogue: where components are found.

    Returns:
        What was done, a line each.

    Raises:
        ModelError: the file is refused, or its tensors do not fit; lists every one that does not.
        OutputError: the folder is taken or cannot be written.
    """
    refuse_taken(out, "a bundle")
    composition = _composition(recipe, described, catalogue)
    given = read_checkpoint(file)
    weights, notes = fitted(given, rules, composition.student.state_dict(), file)
    training = {
        "imported_from": {"file": file.name, "sha256": sha256_of(file), "rules": rules.model_dump(mode="json")},
        "seed": recipe.seed,
        "target": recipe.data.target,
        "split": {"unit": recipe.data.split.unit, "train": [], "validation": [], "test": []},
        "transductive": [],
    }
    write_bundle(out, composition, weights, training, catalogue)
    return notes


def read_rules(file: Path) -> Rules:
    """The rules of a YAML file; a RecipeError tells each fault with its line."""
    return validate_options(parse_document(_text(file), str(file)), Rules)


def read_names(file: Path) -> tuple[str, ...]:
    """Names of a text file, one a line.

    Raises:
        InputError: there are fewer than two, or one comes twice.
    """
    names = tuple(line.strip() for line in _text(file).splitlines() if line.strip())
    _require_distinct(names, str(file))
    if len(names) < 2:
        raise InputError(
            f"{file}: names {len(names)} classes; give two or more, one a line, in the order of the logits"
        )
    return names


def described(classes: Path, channels: str, size: int | None, recipe: Recipe) -> Described:
    """What a user says of a checkpoint: a file of classes, channels with commas between, a side in pixels.

    Raises:
        InputError: a name comes twice or is empty, or nobody says the size.
    """
    named = tuple(one.strip() for one in channels.split(","))
    _require_distinct(named, "--channels")
    if not all(named):
        raise InputError("--channels: a name is empty; give the names with commas between")
    side = size or recipe.data.image_size
    if side is None:
        raise InputError(f"recipe {recipe.name!r} has no data.image_size; say --size, in pixels")
    return Described(read_names(classes), named, side)


def fitted(
    given: Mapping[str, Tensor], rules: Rules, own: Mapping[str, Tensor], source: Path
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors of a checkpoint by the names of a network, every one in its place.

    Args:
        given: tensors of the checkpoint.
        rules: rename them.
        own: state of the network.
        source: the checkpoint, for messages.

    Returns:
        The network's state, and notes on what was left out.

    Raises:
        ModelError: tensors are unmatched, doubled, missing or of another shape; lists them.
    """
    prefix = f"{rules.select}." if rules.select else ""
    chosen = {name.removeprefix(prefix): tensor for name, tensor in given.items() if name.startswith(prefix)}
    if not chosen:
        keys = sorted({name.split(".")[0] for name in given})
        raise ModelError(f"{source}: has no tensor under select: {rules.select!r}; its keys are {some_of(keys)}")
    origins: dict[str, list[str]] = {}
    dropped = []
    for name in chosen:
        new = _renamed(name, rules.rules)
        if new is None:
            dropped.append(name)
        else:
            origins.setdefault(new, []).append(name)
    doubled = [f"{new} from {' and '.join(olds)}" for new, olds in origins.items() if len(olds) > 1]
    unmatched = [f"{olds[0]} (as {new})" for new, olds in origins.items() if new not in own]
    absent = [name for name in own if name not in origins]
    missing = [name for name in absent if not name.endswith(_COUNTS)]
    placed = {new: chosen[olds[0]] for new, olds in origins.items() if new in own}
    wrong = [
        f"{name} {list(tensor.shape)}, not {list(own[name].shape)}"
        for name, tensor in placed.items()
        if tensor.shape != own[name].shape
    ]
    faults = {"unmatched": unmatched, "doubled": doubled, "missing": missing, "of another shape": wrong}
    if any(faults.values()):
        lines = [f"  {word}, {len(names)}: {_listed(names)}" for word, names in faults.items() if names]
        raise ModelError("\n".join([f"{source}: its tensors do not fit the network of the recipe", *lines]))
    notes = [f"took {len(placed)} tensors from {source}"]
    notes += [f"left out by rules: {_listed(dropped)}"] if dropped else []
    notes += [f"{len(absent)} counts of batches ({_COUNTS}), which nothing reads, start at 0"] if absent else []
    state = {name: placed[name].to(tensor.dtype) if name in placed else tensor for name, tensor in own.items()}
    return state, tuple(notes)


def _renamed(name: str, rules: Sequence[Rule]) -> str | None:
    for rule in rules:
        if rule.to is not None:
            name = re.sub(rule.match, rule.to, name)
        elif re.search(rule.match, name):
            return None
    return name


def _composition(recipe: Recipe, known: Described, catalogue: Catalogue) -> Composition:
    """What a bundle is written from, where there is no screen: one untold site that shows channels and size."""
    table = pl.DataFrame({"experiment": ["none"], "plate": ["none"], "well": ["A01"], "site": [1]})
    blank = np.zeros((1, len(known.channels), known.size, known.size), dtype=np.uint8)
    screen = Screen(site_table(table, "import"), known.channels, ArrayStore(blank), source="import")
    unused: Any = np.zeros(1, dtype=np.bool_)
    return Composition(
        recipe=recipe,
        screen=screen,
        split=Split.whole(1, "test"),
        target=Target(known.classes, np.array([NO_LABEL]), unused, unused),
        conditions=(),
        design=PlateDesign(),
        student=compose_network(recipe, known.channels, len(known.classes), 0, catalogue),
        normalizer=build(catalogue, Kind.NORMALIZER, recipe.normalizer),
        augmentation=build(catalogue, Kind.AUGMENTATION, recipe.augmentation),
        strategy=build(catalogue, Kind.STRATEGY, recipe.strategy),
        postprocessors=compose_postprocessors(recipe, catalogue),
    )


def _listed(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _require_distinct(names: Sequence[str], where: str) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"{where}: {some_of(doubled)} comes more than once; every name is one of its own")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as text: {error}") from error
