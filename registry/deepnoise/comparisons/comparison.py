"""A comparison of variants: mean and deviation over seeds, and paired differences to one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deepnoise.comparisons.results import Result, gather
from deepnoise.comparisons.variants import Variant, shared_seeds, variants_of
from deepnoise_core.contracts import Screen, Stage
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.evaluation.intervals import LEVEL
from deepnoise_core.evaluation.pairing import Difference, paired_difference
from deepnoise_registry.catalogue import Catalogue

Metric = Literal["accuracy", "balanced", "ece", "nll"]
_OF_STAGES = ("accuracy", "balanced")
_FEW = 3


@dataclass(frozen=True)
class Figure:
    """What the seeds of a variant came to in one stage.

    Attributes:
        values: of each seed, in the order of the seeds.
        mean: over seeds.
        deviation: standard deviation over seeds, of a sample; None of one seed.
        difference: to the baseline, paired; None of the baseline itself.
    """

    values: tuple[float, ...]
    mean: float
    deviation: float | None
    difference: Difference | None


@dataclass(frozen=True)
class VariantComparison:
    """Variants side by side.

    Attributes:
        metric: what is compared.
        baseline: name of the variant that the others are compared with.
        variants: in the order in which they were given.
        figures: name of the variant → stage → figure.
        wells: wells that count.
        unit: `well` or `site`; what they are.
        experiments: experiments that they are of.
        notes: what a reader must know.
    """

    metric: Metric
    baseline: str
    variants: tuple[Variant, ...]
    figures: Mapping[str, Mapping[Stage, Figure]]
    wells: int
    unit: str
    experiments: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Those that are compared."""
        return tuple(self.figures[self.baseline])

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of recipes in which the variants differ."""
        return tuple(dict.fromkeys(key for variant in self.variants for key in variant.fields))

    def as_dict(self) -> dict[str, Any]:
        """All fields in JSON types."""
        return {
            "metric": self.metric,
            "baseline": self.baseline,
            "wells": self.wells,
            "unit": self.unit,
            "experiments": list(self.experiments),
            "variants": [
                {
                    "name": variant.name,
                    "fields": dict(variant.fields),
                    "results": {str(seed): str(result.path) for seed, result in variant.results.items()},
                    "stages": {stage.value: asdict(one) for stage, one in self.figures[variant.name].items()},
                }
                for variant in self.variants
            ],
            "notes": list(self.notes),
        }


def compare_results(
    paths: Sequence[Path],
    catalogue: Catalogue,
    screen: Screen | None = None,
    *,
    metric: Metric = "accuracy",
    stage: Stage | None = None,
    against: str | None = None,
) -> VariantComparison:
    """Compare recipes over their seeds, on the very same held-out wells.

    Accuracy is paired by experiment and seed, what has no value for each experiment by seed alone. Where two
    variants share no seed, the means over their seeds are paired.

    Args:
        paths: as of `gather`.
        catalogue: where the readers of screens are found.
        screen: as of `gather`.
        metric: `accuracy`, `balanced`, `ece` or `nll`.
        stage: the one to compare; all that all results have where None.
        against: name of the variant that others are compared with, or the path of one of its results; the first
            where None.

    Raises:
        PredictionsError: as of `gather` and `variants_of`, or there is no such baseline or stage.
    """
    results, notes = gather(paths, catalogue, screen)
    variants = variants_of(results)
    baseline = _baseline(variants, against)
    stages = _stages(results, metric, stage)
    first = results[0].judgement
    figures = {
        variant.name: {
            one: _figure(variant, None if variant is baseline else baseline, metric, one) for one in stages
        }
        for variant in variants
    }
    return VariantComparison(
        metric=metric,
        baseline=baseline.name,
        variants=variants,
        figures=figures,
        wells=first.wells,
        unit=first.unit,
        experiments=tuple(first.by["experiment"]),
        notes=(*notes, *_notes(variants, baseline)),
    )


def _baseline(variants: Sequence[Variant], against: str | None) -> Variant:
    if against is None:
        return variants[0]
    for variant in variants:
        if against == variant.name or Path(against) in {one.path for one in variant.results.values()}:
            return variant
    names = "; ".join(variant.name for variant in variants)
    raise PredictionsError(f"--against {against!r}: is none of the variants, which are {names}")


def _stages(results: Sequence[Result], metric: Metric, stage: Stage | None) -> tuple[Stage, ...]:
    if metric not in _OF_STAGES:
        if stage not in (None, Stage.RAW):
            raise PredictionsError(f"--metric {metric} is of stage raw alone, whose confidence it judges")
        return (Stage.RAW,)
    shared = [one for one in Stage if all(one.value in result.judgement.stages for result in results)]
    if stage is None:
        return tuple(shared)
    if stage not in shared:
        raise PredictionsError(f"--stage {stage.value}: not all results have it; they have {', '.join(shared)}")
    return (stage,)


def _figure(variant: Variant, baseline: Variant | None, metric: Metric, stage: Stage) -> Figure:
    values = tuple(_overall(result, metric, stage) for result in variant.results.values())
    return Figure(
        values=values,
        mean=float(np.mean(values)),
        deviation=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        difference=_difference(variant, baseline, metric, stage) if baseline else None,
    )


def _overall(result: Result, metric: Metric, stage: Stage) -> float:
    judgement = result.judgement
    source = judgement.stages[stage.value] if metric in _OF_STAGES else judgement.calibration
    value: float | None = getattr(source, metric, None)
    if value is None:
        raise PredictionsError(f"{result.path}: has no {metric} of stage {stage.value}")
    return value


def _difference(variant: Variant, baseline: Variant, metric: Metric, stage: Stage) -> Difference:
    shared = shared_seeds(variant, baseline)
    after, before = (
        np.stack([_paired(own.results[seed], metric, stage) for seed in shared or own.results])
        for own in (variant, baseline)
    )
    if not shared:
        after, before = after.mean(axis=0), before.mean(axis=0)
    return paired_difference(after.ravel(), before.ravel())


def _paired(result: Result, metric: Metric, stage: Stage) -> NDArray[np.float64]:
    """The figures of a result that are paired, in an order that all results share."""
    if metric != "accuracy":
        return np.array([_overall(result, metric, stage)])
    by = result.judgement.by["experiment"]
    return np.array([by[name][stage.value] for name in sorted(by)], dtype=np.float64)


def _notes(variants: Sequence[Variant], baseline: Variant) -> Iterator[str]:
    judgements = [result.judgement for variant in variants for result in variant.results.values()]
    first = judgements[0]
    yield f"protocol {first.protocol}, {first.part} {first.unit}s"
    if first.part == "validation":
        yield f"these are validation {first.unit}s, by which epochs were selected: expect less on new ones"
    uses = {variant.name: _uses(variant) for variant in variants}
    if len(set(uses.values())) == 1:
        yield f"all use {uses[baseline.name]} of the test screen"
    else:
        yield from (f"{name} uses {used} of the test screen" for name, used in uses.items())
    screens = sorted({judgement.screen for judgement in judgements})
    if len(screens) > 1:
        yield f"taken for one screen, since their plates hold the same numbers of wells: {', '.join(screens)}"
    others = [variant for variant in variants if variant is not baseline]
    for variant in others:
        number = len(shared_seeds(variant, baseline))
        if number < max(len(variant.results), len(baseline.results)):
            how = f"of {number} seeds that both have" if number else "of means over seeds, since they share none"
            yield f"the difference of {variant.name} is {how}"
    if others:
        yield (
            f"differences to {baseline.name} with {100 * LEVEL:.0f} % intervals of paired t-tests, a pair for "
            "each experiment and seed; pairs that share one are not quite independent, so that intervals of few "
            "experiments are too narrow"
        )
    if len(others) > _FEW:
        yield f"of {len(others)} differences, one in twenty has an interval without zero by chance alone"


def _uses(variant: Variant) -> str:
    used = dict.fromkeys(use for result in variant.results.values() for use in result.judgement.transductive)
    return ", ".join(used) or "nothing"
