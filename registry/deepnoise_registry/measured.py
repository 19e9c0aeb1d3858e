"""Results of a bundle out of an evaluation of its predictions, and only of its own."""

from __future__ import annotations

from pathlib import Path

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.evaluation.judgement import Judgement, read_judgements
from deepnoise_registry.manifest import Manifest, Result


def measured_results(file: Path, manifest: Manifest) -> tuple[Result, ...]:
    """What an evaluation measured of a bundle: accuracy, balanced accuracy and top-k accuracy of each stage.

    Args:
        file: JSON that `deepnoise evaluate --out` wrote of one folder of predictions, or of several.
        manifest: of the bundle.

    Raises:
        InputError: the file is no evaluation, or predictions of it were made by another model.
    """
    results: list[Result] = []
    for name, one in read_judgements(file).items():
        if one.made_by.get("model_sha256") != manifest.identity:
            raise InputError(f"{file}: {_other(one, name, manifest)}; predict and evaluate with this very bundle")
        for stage, found in one.stages.items():
            figures = {"accuracy": found.accuracy, "balanced_accuracy": found.balanced}
            figures |= {f"top_{k}_accuracy": share for k, share in found.top.items() if k > 1}
            results += [
                Result(
                    metric=metric if one.unit == "well" else f"{metric}_of_{one.unit}s",
                    value=value,
                    part=one.part,
                    stage=stage,
                    protocol=one.protocol,
                    screen=screen_name(one.screen),
                )
                for metric, value in figures.items()
                if value is not None
            ]
    return tuple(results)


def with_results(manifest: Manifest, results: tuple[Result, ...]) -> Manifest:
    """A manifest that tells these results too; one that was measured again takes the place of the earlier."""
    kept = {_what(one): one for one in (*manifest.results, *results)}
    return manifest.model_copy(update={"results": tuple(kept.values())})


def screen_name(source: str) -> str:
    """What a screen is called: the last part of where it is, never the path of somebody's disk."""
    return source.replace("\\", "/").rstrip("/").rpartition("/")[2] or "unknown"


def _what(result: Result) -> tuple[str, ...]:
    return result.metric, result.part, result.stage, result.protocol, result.screen


def _other(found: Judgement, name: str, manifest: Manifest) -> str:
    """By whom predictions were made, where not by the model of a manifest."""
    whose = f"the predictions {name} were" if name else "its predictions were"
    model, made = found.made_by.get("model", "somebody"), found.made_by.get("model_sha256")
    if made is None:
        return f"{whose} made by {model!r}, which is no single bundle"
    this = f"{manifest.name!r} of {manifest.identity[:12]}"
    return f"{whose} made by {model!r} of sha256 {made[:12]}, and this is {this}"
