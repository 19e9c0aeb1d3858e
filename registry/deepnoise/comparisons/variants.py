"""Variants: results of one recipe with several seeds, named by what tells them from the others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepnoise.comparisons.results import Result
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.names import natural_key, some_of
from deepnoise_core.evaluation.judgement import Judgement
from deepnoise_registry.recipes.differences import differing_fields
from deepnoise_registry.recipes.recipe import PROSE


@dataclass(frozen=True)
class Variant:
    """What stands on one line of a comparison.

    Attributes:
        name: what tells it from the others, or where it is.
        fields: dotted key of a recipe → its value, of those in which the variants differ.
        results: seed → result; the seed is None where no recipe tells.
    """

    name: str
    fields: Mapping[str, Any]
    results: Mapping[int | None, Result]


def variants_of(results: Sequence[Result]) -> tuple[Variant, ...]:
    """Group results by their recipes, the seed apart; those without a recipe stand alone.

    Raises:
        PredictionsError: two are of the same recipe and seed, or two do not compare; names the difference.
    """
    if not results:
        raise PredictionsError("nothing to compare: no result was found")
    for other in results[1:]:
        _require_same(results[0], other)
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(_key(result), []).append(result)
    recipes = {key: {**own[0].recipe, "seed": 0} for key, own in groups.items() if own[0].recipe is not None}
    differing = differing_fields(list(recipes.values()))
    fields = {
        key: {field: values[number] for field, values in differing.items()} for number, key in enumerate(recipes)
    }
    return tuple(_variant(own, fields.get(key, {})) for key, own in groups.items())


def shared_seeds(one: Variant, two: Variant) -> list[int | None]:
    """The seeds that both have."""
    return [seed for seed in one.results if seed in two.results]


def _variant(results: Sequence[Result], fields: Mapping[str, Any]) -> Variant:
    by_seed: dict[int | None, Result] = {}
    for result in results:
        seed = result.recipe["seed"] if result.recipe else None
        if seed in by_seed:
            raise PredictionsError(
                f"{by_seed[seed].path} and {result.path} are of the same recipe and seed; give one of them"
            )
        by_seed[seed] = result
    return Variant(_name(fields) or str(results[0].path), fields, by_seed)


def _key(result: Result) -> str:
    if result.recipe is None:
        return str(result.path)
    own = {field: value for field, value in result.recipe.items() if field not in {*PROSE, "seed"}}
    return json.dumps(own, sort_keys=True)


def _name(fields: Mapping[str, Any]) -> str:
    """`densenet121, epochs=5`: names of components alone, other values with their field."""
    return ", ".join(
        str(value) if key.endswith(".name") else f"{key.rpartition('.')[2]}={value_text(value)}"
        for key, value in fields.items()
        if value is not None
    )


def value_text(value: Any) -> str:
    """A value of a recipe for readers."""
    return value if isinstance(value, str) else json.dumps(value)


def _require_same(one: Result, two: Result) -> None:
    complaint = f"{one.path} and {two.path} do not compare"
    left, right = one.judgement, two.judgement
    for field in ("protocol", "unit", "part", "classes"):
        values = getattr(left, field), getattr(right, field)
        if values[0] != values[1]:
            raise PredictionsError(f"{complaint}: {field} is {values[0]} of one, and {values[1]} of the other")
    plates = _plates(left), _plates(right)
    unlike = sorted({plate for plate, _ in plates[0].items() ^ plates[1].items()}, key=natural_key)
    if unlike:
        raise PredictionsError(
            f"{complaint}: other {left.unit}s count in {len(unlike)} plates, such as {some_of(unlike, most=3)}; "
            f"they have {left.wells:,} and {right.wells:,} {left.unit}s"
        )


def _plates(judgement: Judgement) -> dict[str, float | None]:
    """How many wells of each plate count."""
    return {plate: own["wells"] for plate, own in judgement.by["plate"].items()}
