"""Comparisons over seeds: figures against scipy, tables read back, and what does not compare."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scipy.stats import ttest_rel

import deepnoise as dn
from deepnoise.comparisons.comparison import VariantComparison
from deepnoise.comparisons.tables import write_comparison
from deepnoise_core.contracts import Stage
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_registry.recipes.recipe import recipe_hash
from deepnoise_registry.recipes.writing import recipe_to_yaml

Run = Callable[..., subprocess.CompletedProcess[str]]

EXPERIMENTS = ("HUVEC-17", "HUVEC-18", "RPE-08")
WELLS = 40


def evaluated(accuracies: Sequence[float], **other: Any) -> dict[str, Any]:
    """An evaluation of some experiments of one plate each, as its JSON tells."""
    by = {
        name: {"wells": WELLS, "raw": one, "group": one / 2}
        for name, one in zip(EXPERIMENTS, accuracies, strict=True)
    }
    mean = float(np.mean(accuracies))
    return {
        "unit": "well",
        "protocol": "custom",
        "wells": WELLS * len(by),
        "classes": 12,
        "part": "test",
        "screen": "screens/one",
        "transductive": ["plate statistics"],
        "stages": {
            "raw": {"accuracy": mean, "balanced": mean + 0.01},
            "group": {"accuracy": mean / 2, "balanced": 0.1},
        },
        "by": {"experiment": by, "plate": {f"{name}/1": own for name, own in by.items()}, "cell_type": {}},
        "calibration": {"ece": 0.2 - mean / 10, "nll": 2 - mean},
    } | other


def write_run(folder: Path, sets: Sequence[str], evaluation: Mapping[str, Any]) -> Path:
    recipe = dn.load_recipe("tiny", sets=sets)
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    (folder / "recipe.yaml").write_text(recipe_to_yaml(recipe))
    made_by = {"recipe_sha256": recipe_hash(recipe)}
    (folder / "evaluation.json").write_text(json.dumps({**evaluation, "made_by": made_by}))
    return folder


VARIANTS = {
    "supervised": "strategy=supervised",
    "mean-teacher": "strategy=mean-teacher",
    "fixmatch_50%": "strategy=fixmatch",
}
ACCURACIES = np.random.default_rng(0).uniform(0.2, 0.9, size=(3, 4, len(EXPERIMENTS)))
ACCURACIES[1] = ACCURACIES[0] + np.random.default_rng(1).normal(0.05, 0.02, size=ACCURACIES[0].shape)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three variants of four seeds; look, but do not touch."""
    out = tmp_path_factory.mktemp("runs")
    return [
        write_run(
            out / f"{number}-{seed}",
            [sets, f"seed={seed}", f"name=variant-{number}-{seed}"],
            evaluated(ACCURACIES[number][seed].tolist()),
        )
        for number, sets in enumerate(VARIANTS.values())
        for seed in range(4)
    ]


@pytest.fixture(scope="module")
def comparison(runs: list[Path]) -> VariantComparison:
    return dn.compare(runs)


def test_recipes_are_told_apart_by_what_they_differ_in(comparison: VariantComparison) -> None:
    assert [variant.name for variant in comparison.variants] == ["supervised", "mean-teacher", "fixmatch"]
    assert comparison.fields == ("strategy.name",)
    assert [list(variant.results) for variant in comparison.variants] == [[0, 1, 2, 3]] * 3
    assert comparison.stages == (Stage.RAW, Stage.GROUP)


@pytest.mark.parametrize("number", [1, 2])
def test_differences_are_those_of_a_paired_t_test(number: int, comparison: VariantComparison) -> None:
    figure = comparison.figures[comparison.variants[number].name][Stage.RAW]
    known = ttest_rel(ACCURACIES[number].ravel(), ACCURACIES[0].ravel())
    assert figure.difference is not None
    assert figure.difference.interval == pytest.approx(tuple(known.confidence_interval(0.95)))
    assert figure.difference.pairs == 12
    overall = ACCURACIES[number].mean(axis=1)
    assert (figure.mean, figure.deviation) == pytest.approx((overall.mean(), overall.std(ddof=1)))


def test_the_order_of_runs_changes_no_pair(runs: list[Path], comparison: VariantComparison) -> None:
    other = dn.compare([*runs[:4], *reversed(runs[4:])], against="supervised")
    for variant in comparison.variants[1:]:
        one, two = (own.figures[variant.name][Stage.RAW].difference for own in (comparison, other))
        assert one is not None
        assert two is not None
        assert (one.mean, *(one.interval or ())) == pytest.approx((two.mean, *(two.interval or ())))


def test_figures_without_experiments_are_paired_by_seed(runs: list[Path]) -> None:
    found = dn.compare(runs, metric="nll", against="mean-teacher").figures["supervised"][Stage.RAW].difference
    known = ttest_rel(*(2 - ACCURACIES[number].mean(axis=1) for number in (0, 1)))
    assert found is not None
    assert found.interval == pytest.approx(tuple(known.confidence_interval(0.95)))


def test_variants_without_a_common_seed_are_paired_by_experiment(runs: list[Path]) -> None:
    found = dn.compare([*runs[:2], *runs[6:8]])
    difference = found.figures["mean-teacher"][Stage.RAW].difference
    known = ttest_rel(ACCURACIES[1][2:].mean(axis=0), ACCURACIES[0][:2].mean(axis=0))
    assert difference is not None
    assert difference.interval == pytest.approx(tuple(known.confidence_interval(0.95)))
    assert any("since they share none" in note for note in found.notes)


def test_tables_are_read_back(runs: list[Path], tmp_path: Path, deepnoise: Run) -> None:
    files = [tmp_path / f"table{suffix}" for suffix in (".md", ".csv", ".tex", ".json", ".png")]
    done = deepnoise("compare", *runs, *(word for file in files for word in ("--out", file)))
    assert done.returncode == 0, done.stderr
    assert "What the recipes differ in" in done.stdout
    table = pl.read_csv(files[1])
    assert table["variant"].to_list() == [
        name for name in ("supervised", "mean-teacher", "fixmatch") for _ in "ab"
    ]
    raw = table.filter(pl.col("stage") == "raw")
    np.testing.assert_allclose(raw["mean"], ACCURACIES.mean(axis=(1, 2)))
    assert raw["pairs"].to_list() == [None, 12, 12]
    assert raw["strategy.name"].to_list() == ["supervised", "mean-teacher", "fixmatch"]
    lines = [line for line in files[0].read_text().splitlines() if line.startswith("|")]
    assert len(lines) == 10
    assert {line.count("|") for line in lines[:5]} == {7}
    assert {line.count("&") for line in files[2].read_text().splitlines() if line.endswith(r"\\")} == {3, 5}
    assert len(json.loads(files[3].read_text())["variants"]) == 3
    with Image.open(files[4]) as picture:
        assert picture.width > 1000
    again = deepnoise("compare", *runs, "--out", files[0])
    assert (again.returncode, "never overwritten" in again.stderr) == (2, True)


def test_latex_holds_no_letter_that_latex_would_read(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a_1 50%.json", "b#2 {x} & ~ ^.json")]
    for file in files:
        file.write_text(json.dumps(evaluated([0.1, 0.2, 0.3])))
    out = tmp_path / "table.tex"
    write_comparison(dn.compare(files), out)
    body = [line for line in out.read_text().splitlines() if line and line[0] not in "%\\"]
    assert len(body) == 4
    for line in body[2:]:
        cells = re.split(r"(?<!\\)&", line.removesuffix(r" \\"))
        assert len(cells) == 6
        assert not re.search(r"(?<!\\)[#%_~^]|[±−–]", cells[0])


def test_files_without_a_recipe_stand_alone(tmp_path: Path) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for number, file in enumerate(files):
        file.write_text(json.dumps(evaluated((np.full(3, 0.25) * (number + 1)).tolist())))
    found = dn.compare(files)
    assert [variant.name for variant in found.variants] == [str(file) for file in files]
    difference = found.figures[str(files[1])][Stage.RAW].difference
    assert difference is not None
    assert (difference.mean, difference.interval, difference.pairs) == (0.25, (0.25, 0.25), 3)
    assert dn.compare(files[0]).figures[str(files[0])][Stage.RAW].difference is None


def test_screens_of_two_names_are_one_where_the_same_wells_count(tmp_path: Path) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for name, file in zip("ab", files, strict=True):
        file.write_text(json.dumps(evaluated([0.1, 0.2, 0.3], screen=f"screens/{name}")))
    assert any("taken for one screen" in note and "screens/b" in note for note in dn.compare(files).notes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"protocol": "rcic"}, "protocol is custom of one, and rcic of the other"),
        ({"part": "validation"}, "part is test of one"),
        ({"classes": 13}, "classes is 12 of one, and 13 of the other"),
        ({"by": {"experiment": {}, "plate": {"HUVEC-17/1": {"wells": 39}}}}, "other wells count in 3 plates"),
    ],
)
def test_what_does_not_compare_is_refused(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    files[0].write_text(json.dumps(evaluated([0.1, 0.2, 0.3])))
    files[1].write_text(json.dumps(evaluated([0.1, 0.2, 0.3], **change)))
    with pytest.raises(PredictionsError, match=said):
        dn.compare(files)


def test_what_is_no_result_is_refused(runs: list[Path], tmp_path: Path, tiny_run: Path) -> None:
    (tmp_path / "odd.json").write_text('{"unit": "well"}')
    empty = tmp_path / "folder"
    empty.mkdir()
    cases: list[tuple[Callable[[], object], str]] = [
        (partial(dn.compare, empty), "is no sweep, run, folder of predictions"),
        (partial(dn.compare, tmp_path / "odd.json"), "protocol: Field required"),
        (partial(dn.compare, tiny_run), f"first deepnoise predict {tiny_run}"),
        (partial(dn.compare, [runs[0], runs[0]]), "of the same recipe and seed"),
        (partial(dn.compare, runs, against="nothing"), "which are supervised; mean-teacher; fixmatch"),
        (partial(dn.compare, runs, stage="assigned"), "not all results have it; they have raw, group"),
        (partial(dn.compare, runs, stage="group", metric="ece"), "of stage raw alone"),
    ]
    for call, said in cases:
        with pytest.raises(PredictionsError, match=re.escape(said)):
            call()


def test_a_run_that_was_given_another_recipe_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [], evaluated([0.1, 0.2, 0.3]))
    (run / "recipe.yaml").write_text(recipe_to_yaml(dn.load_recipe("tiny", sets=["train.epochs=9"])))
    with pytest.raises(PredictionsError, match="with another recipe"):
        dn.compare(run)


def test_predictions_are_evaluated_on_the_way(tiny_predictions: Path) -> None:
    found = dn.compare(tiny_predictions)
    known = dn.evaluate(tiny_predictions)
    assert found.figures[found.baseline][Stage.RAW].mean == known.stages[Stage.RAW].accuracy
