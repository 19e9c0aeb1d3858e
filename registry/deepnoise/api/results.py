"""What is made of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from deepnoise.api.catalogue import installed
from deepnoise.api.screens import open_screen
from deepnoise_core.contracts import Predictions, Screen
from deepnoise_core.contracts.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from deepnoise.comparisons.comparison import VariantComparison
    from deepnoise.corrections import Step
    from deepnoise.disentanglement import Progress
    from deepnoise.model import PartName
    from deepnoise.submission import Submission
    from deepnoise_core.evaluation.accuracy import Evaluation
    from deepnoise_core.evaluation.comparison import Comparison


@overload  # a text is one folder, and no sequence of them
def evaluate(  # type: ignore[overload-overlap]
    predictions: str | Path,
    screen: Screen | str | Path | None = None,
    *,
    protocol: str | None = None,
    top: Sequence[int] = (1, 5),
) -> Evaluation: ...


@overload
def evaluate(
    predictions: Sequence[str | Path],
    screen: Screen | str | Path | None = None,
    *,
    protocol: str | None = None,
    top: Sequence[int] = (1, 5),
) -> Comparison: ...


def evaluate(
    predictions: str | Path | Sequence[str | Path],
    screen: Screen | str | Path | None = None,
    *,
    protocol: str | None = None,
    top: Sequence[int] = (1, 5),
) -> Evaluation | Comparison:
    """Accuracy by stage of folders of predictions, against the labels of the screen they were made from.

    Args:
        predictions: the folder; or several of the same wells, which are compared with the first, well by well.
        screen: open, or the path of one, where it is no longer where it was predicted from.
        protocol: `rcic`, `wilds` or `custom`, whose rules must have been kept; told by what was done where None.
        top: the numbers k of best scored classes among which a well's own is looked for.
    """
    from deepnoise.evaluation import compare_folders, evaluate_folder
    from deepnoise.words import protocol_name

    opened, rules = _opened(screen), protocol_name(protocol)
    if isinstance(predictions, str | Path):
        return evaluate_folder(Path(predictions), installed(), opened, protocol=rules, top=top)
    folders = [Path(one) for one in predictions]
    return compare_folders(folders, installed(), opened, protocol=rules, top=top)


def compare(
    results: str | Path | Sequence[str | Path],
    screen: Screen | str | Path | None = None,
    *,
    metric: str = "accuracy",
    stage: str | None = None,
    against: str | None = None,
) -> VariantComparison:
    """Recipes over their seeds, on the very same held-out wells: mean, deviation and paired differences.

    Args:
        results: sweeps, runs with predictions, folders of predictions, or files of `deepnoise evaluate --out`.
        screen: as of `evaluate`.
        metric: `accuracy`, `balanced`, `ece` or `nll`.
        stage: `raw`, `group` or `assigned`; all that they have in common where None.
        against: the variant that others are compared with, by name or path; the first where None.
    """
    from deepnoise.comparisons.comparison import compare_results
    from deepnoise.words import metric_name, stage_name

    paths = [results] if isinstance(results, str | Path) else results
    return compare_results(
        [Path(one) for one in paths],
        installed(),
        _opened(screen),
        metric=metric_name(metric),
        stage=stage_name(stage),
        against=against,
    )


def disentangle(
    predictions: Predictions | str | Path,
    screen: Screen | str | Path | None = None,
    *,
    steps: Sequence[Step] = (),
    part: PartName | None = None,
    seed: int = 0,
) -> Progress:
    """Signal apart from noise in embeddings, before and after corrections, with anchors beside them.

    Args:
        predictions: with embeddings; a folder of them, or what `predict` returned.
        screen: with the labels, open or the path of one; the predicted one where None, which
            a folder alone tells.
        steps: corrections, one upon the other, as post-processors are named in a recipe: `"sphering"`, or
            `{"name": "center-scale", "options": {"level": "experiment"}}`.
        part: wells that count: `all`, `train`, `validation` or `test`; those never trained on where None.
        seed: of folds, intervals, nulls and anchors.
    """
    from deepnoise.corrections import built_steps, filled_steps
    from deepnoise.disentanglement import measure_folder, measure_steps

    catalogue, opened = installed(), _opened(screen)
    built = built_steps(filled_steps(steps, catalogue), catalogue)
    if isinstance(predictions, Predictions):
        if opened is None:
            raise InputError(
                "predictions in memory do not tell their screen; name it: disentangle(predictions, screen)"
            )
        return measure_steps(predictions, opened, built, part=part, seed=seed)
    return measure_folder(Path(predictions), catalogue, opened, steps=built, part=part, seed=seed)


def submit(
    predictions: str | Path,
    out: str | Path,
    *,
    stage: str | None = None,
    screen: Screen | str | Path | None = None,
) -> Submission:
    """Write a folder of predictions as the CSV that the RCIC competition takes: id_code,sirna.

    Args:
        predictions: the folder.
        out: CSV to write; must not exist yet.
        stage: `raw`, `group` or `assigned`; the last that the predictions have where None.
        screen: as of `evaluate`.
    """
    from deepnoise.submission import submit_folder
    from deepnoise.words import stage_name

    return submit_folder(
        Path(predictions), Path(out), installed(), stage=stage_name(stage), screen=_opened(screen)
    )


def baseline(
    embeddings: str | Path,
    metadata: str | Path,
    out: str | Path,
    *,
    target: str = "perturbation",
    leave_out: str = "experiment",
    features: str | None = None,
    steps: Sequence[Step] = (),
) -> Predictions:
    """Score precomputed embeddings by the class means of all other experiments, and write them as predictions.

    Args:
        embeddings: CSV or Parquet table, a row a site or well, or a folder of `embed`.
        metadata: their screen, or a table of its sites or wells; images are not needed.
        out: folder to write, which must not exist yet.
        target: column whose values are the classes.
        leave_out: column whose rows of one value are scored by all others, such as plate or compound.
        features: names of the features' columns, with `*` for anything; as the file shows where None.
        steps: corrections of embeddings that come first, as of `disentangle`.
    """
    from deepnoise.baselines import BaselineOptions, write_baseline
    from deepnoise.corrections import filled_steps

    catalogue = installed()
    options = BaselineOptions(target, leave_out, features, filled_steps(steps, catalogue))
    return write_baseline(Path(embeddings), Path(metadata), Path(out), options, catalogue)


def scan_embeddings(folder: str | Path) -> pl.LazyFrame:
    """The embeddings of a folder that `embed` completed, a row a site; only what is asked of them is read.

    Args:
        folder: where they are.

    Returns:
        `Metadata_site_id` and its kin, and float32 columns `Image_DeepNoise_0001` and on; `Logit_0001` and on, in
        the order of the classes in `embeddings.json`, where logits were asked for.
    """
    from deepnoise_core.data.shards import scan_embeddings as scan

    return scan(Path(folder))


def write_profiles(
    predictions: str | Path, out: str | Path, *, screen: Screen | str | Path | None = None
) -> pl.DataFrame:
    """Write a folder of predictions as one table for pycytominer, copairs or scanpy, one row a well.

    Args:
        predictions: the folder.
        out: a `.parquet`, `.csv` or `.h5ad` file, which must not exist yet.
        screen: the screen that they were made from, open or the path of one, where it is no longer there.
    """
    from deepnoise.handover import write_profiles as write

    return write(Path(predictions), Path(out), installed(), _opened(screen))


def _opened(screen: Screen | str | Path | None) -> Screen | None:
    return open_screen(screen) if isinstance(screen, str | Path) else screen
