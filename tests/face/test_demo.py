"""The demo at its smallest."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

Run = Callable[..., CompletedProcess[str]]


def test_the_demo_ends_with_its_table_and_its_folder(deepnoise: Run, tmp_path: Path) -> None:
    done = deepnoise("demo", "--preset", "tiny", "--out", tmp_path / "demo", "--seeds", "2", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    for word in ("raw", "group", "assigned", "chance", "mean teacher", "supervised", "8.3 %"):
        assert word in done.stdout
    for name in (
        "report.html",
        "sites.png",
        "screen/metadata.csv",
        "deepnoise/curves.png",
        "deepnoise/predictions/predictions.parquet",
        "deepnoise/predictions/plates/RPE-02.png",
        "baseline/bundle/manifest.json",
        "supervised/run.json",
        "seed-1/deepnoise/run.json",
    ):
        assert (tmp_path / "demo" / name).is_file(), name
    figures = json.loads((tmp_path / "demo" / "accuracy.json").read_text())
    assert [(one["recipe"].partition(",")[0], one["seed"]) for one in figures] == [
        *(("supervised", 0), ("supervised", 0), ("mean teacher", 0)),
        *(("supervised", 1), ("supervised", 1), ("mean teacher", 1)),
    ]
    assert all(0 <= one[stage] <= 1 for one in figures for stage in ("raw", "group", "assigned"))
    assert "Of these" in (tmp_path / "demo" / "report.html").read_text()

    predicted = tmp_path / "demo" / "deepnoise" / "predictions"
    again = deepnoise("evaluate", predicted, "--json")
    assert again.returncode == 0, again.stderr
    stages = json.loads(again.stdout)["stages"]
    assert [stages[stage]["accuracy"] for stage in stages] == [figures[2][stage] for stage in stages]
