"""`sweep.json`: what belongs to a sweep, and how far each of its trials is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from deepnoise.model import PartName
from deepnoise_core.contracts.errors import ModelError, OutputError, first_fault
from deepnoise_core.data.files import refuse_taken, replace_file
from deepnoise_registry.recipes.differences import differing_fields
from deepnoise_registry.recipes.document import parse_document
from deepnoise_registry.recipes.recipe import Recipe
from deepnoise_registry.recipes.writing import recipe_to_yaml

RECORD, RECIPE = "sweep.json", "recipe.yaml"
_MOST_SHOWN = 3


class TrialRecord(BaseModel):
    """One trial.

    Attributes:
        path: its folder within the sweep's.
        values: dotted key of the grid → value.
        seed: of the recipe.
        recipe_sha256: of its recipe.
        state: how far it is.
        message: why it failed; empty where it did not.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    path: str
    values: dict[str, JsonValue]
    seed: int
    recipe_sha256: str
    state: Literal["waiting", "started", "finished", "failed"] = "waiting"
    message: str = ""


class SweepRecord(BaseModel):
    """A sweep.

    Attributes:
        format: of this file.
        recipe: name of the recipe from which all others are made.
        recipe_sha256: of that recipe, which lies beside this file.
        screen: path or URL of what is learned from.
        sites: how many it has.
        part: wells that are predicted and evaluated.
        folds: folds of each trial; None where each is trained once.
        grid: dotted key → all its values so far.
        seeds: all seeds so far.
        trials: one for each combination and seed.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal[1] = 1
    recipe: str
    recipe_sha256: str
    screen: str
    sites: int
    part: PartName
    folds: int | None
    grid: dict[str, list[JsonValue]]
    seeds: list[int]
    trials: list[TrialRecord]

    def write(self, out: Path) -> None:
        """Replace the record in the sweep's folder."""
        replace_file(out / RECORD, json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False))


def read_sweep(folder: Path) -> SweepRecord:
    """The record of a sweep.

    Raises:
        ModelError: the folder holds none, or a malformed one.
    """
    path = folder / RECORD
    try:
        return SweepRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise ModelError(f"{folder}: holds no sweep, since it has no {RECORD}") from error
    except ValidationError as error:
        raise ModelError(f"{path}: {first_fault(error)}") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error


def start_or_join(record: SweepRecord, base: Recipe, out: Path) -> SweepRecord:
    """Make the folder of a new sweep, or add what is new to the sweep that the folder holds.

    Returns:
        The record with the trials of before and of now; those of before keep their state.

    Raises:
        OutputError: the folder holds something else, or a sweep of another recipe or screen; says what differs.
    """
    if not (out / RECORD).is_file():
        refuse_taken(out, "a sweep")
        out.mkdir(parents=True, exist_ok=True)
        replace_file(out / RECIPE, recipe_to_yaml(base))
        return record
    before = read_sweep(out)
    differing = [*_differing(before, record, base, out)]
    if differing:
        raise OutputError(
            f"{out} holds another sweep, so name another folder; what differs is {'; '.join(differing)}"
        )
    known = {trial.path: trial for trial in before.trials}
    grid = {key: _joined(values, record.grid[key]) for key, values in before.grid.items()}
    trials = [*before.trials, *(trial for trial in record.trials if trial.path not in known)]
    return before.model_copy(
        update={"grid": grid, "seeds": _joined(before.seeds, record.seeds), "trials": trials}
    )


def _differing(before: SweepRecord, now: SweepRecord, base: Recipe, out: Path) -> Sequence[str]:
    found = [
        f"{field}: {getattr(before, field)} then, {getattr(now, field)} now"
        for field in ("screen", "sites", "part", "folds")
        if getattr(before, field) != getattr(now, field)
    ]
    if before.recipe_sha256 != now.recipe_sha256:
        written: Any = parse_document((out / RECIPE).read_text(), str(out / RECIPE)).value
        fields = differing_fields([written, base.model_dump(mode="json")])
        shown = [f"{key}: {then} then, {new} now" for key, (then, new) in fields.items()]
        more = [f"{len(shown) - _MOST_SHOWN} more fields of the recipe"] if len(shown) > _MOST_SHOWN else []
        found += [*shown[:_MOST_SHOWN], *more] or ["the recipe"]
    if set(before.grid) != set(now.grid):
        found.append(f"the grid: {_keys(before)} then, {_keys(now)} now")
    return found


def _keys(record: SweepRecord) -> str:
    return " and ".join(record.grid) or "no key"


def _joined(before: Sequence[Any], now: Sequence[Any]) -> list[Any]:
    return [*before, *(value for value in now if value not in before)]
