"""Real predictions of RxRx1's test wells by three networks, judged as their authors' files say."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import deepnoise as dn
from deepnoise.evaluation import evaluate_predictions, judge
from deepnoise_core.contracts import Predictions, Screen, Stage
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.wells import with_raw
from deepnoise_core.evaluation.comparison import compare
from deepnoise_core.evaluation.protocols import Protocol

RANKS = ["max_pred", "pred2", "pred3", "pred4", "pred5"]


@pytest.fixture(scope="module")
def screen(shared: Callable[[str], Path]) -> Screen:
    """The public metadata, with the three channels that WILDS has."""
    opened = dn.open_screen(shared("rxrx1_metadata") / "metadata_reconstructed.csv.gz")
    return replace(opened, channels=opened.channels[:3])


@pytest.fixture(scope="module")
def classes(screen: Screen) -> tuple[str, ...]:
    """Names of all 1,139 classes in the order of their numbers."""
    named = screen.sites.select("sirna_id", "perturbation").drop_nulls().unique().sort("sirna_id")
    return tuple(named["perturbation"])


def ids_of(table: pl.DataFrame, screen: Screen, key: str) -> tuple[dict[str, NDArray[Any]], pl.DataFrame]:
    """Identity of each row of a table, and the rest of it, in one order."""
    columns = ["site_id", "site", "experiment", "plate", "well", "well_id", "cell_type", "role"]
    known = screen.sites.select(columns).unique(key, maintain_order=True)
    rows = known.join(table.select(key, *[name for name in table.columns if name not in columns]), on=key)
    ids = {name: rows[name].to_numpy() for name in columns}
    return {**ids, "part": np.full(rows.height, "test", dtype=object)}, rows


@pytest.fixture(scope="module")
def of_sites(
    shared: Callable[[str], Path], screen: Screen, classes: tuple[str, ...]
) -> dict[str, tuple[Predictions, pl.DataFrame]]:
    """A network's five best classes of each site, as scores."""
    found = {}
    for name in ("baseline", "focal"):
        table = pl.read_csv(shared("rxrx1_predictions") / f"resnet18_{name}_top5_dev.csv")
        ids, rows = ids_of(table, screen, "site_id")
        scores = np.full((rows.height, len(classes)), -10.0, np.float32)
        np.put_along_axis(scores, rows[RANKS].to_numpy(), np.arange(5, 0, -1, dtype=np.float32)[None], axis=1)
        found[name] = with_raw(Predictions(ids, classes, scores)), rows
    return found


@pytest.fixture(scope="module")
def of_wells(shared: Callable[[str], Path], screen: Screen, classes: tuple[str, ...]) -> Predictions:
    """One treatment a well, of a solution near the top of the competition, among treatments."""
    table = pl.read_csv(shared("rxrx1_predictions") / "ngxbac_pseudo_labels_dev.csv")
    table = table.rename({"id_code": "well_id"})
    ids, rows = ids_of(table.rename({"sirna": "number"}), screen, "well_id")
    ids = {name: column for name, column in ids.items() if name not in ("site_id", "site")}
    scores = np.zeros((rows.height, 1108), np.float32)
    scores[np.arange(rows.height), rows["number"].to_numpy()] = 9.0
    return with_raw(Predictions(ids, classes[:1108], scores, transductive=("plate assignment",)))


def test_sites_are_counted_as_wilds_does(
    of_sites: dict[str, tuple[Predictions, pl.DataFrame]], screen: Screen
) -> None:
    for predictions, rows in of_sites.values():
        evaluation = evaluate_predictions(predictions, screen, "perturbation", protocol=Protocol.WILDS)
        labels = rows["label"].to_numpy()
        assert (evaluation.unit, evaluation.wells, evaluation.classes) == ("site", rows.height, 1139)
        raw = evaluation.stages[Stage.RAW]
        assert raw.accuracy == pytest.approx((rows["max_pred"].to_numpy() == labels).mean())
        assert raw.top[5] == pytest.approx((rows[RANKS].to_numpy() == labels[:, None]).any(axis=1).mean())
        by = evaluation.by["experiment"]
        assert set(by) == {"HEPG2-08", "HUVEC-17", "RPE-08", "U2OS-04"}
        assert sum(own["wells"] for own in by.values()) == rows.height
        low, high = evaluation.intervals[Stage.RAW]
        assert low < raw.accuracy < high
        assert not any("controls" in note for note in evaluation.notes)


def test_six_channels_are_no_wilds(of_sites: dict[str, tuple[Predictions, pl.DataFrame]], screen: Screen) -> None:
    predictions, _ = of_sites["focal"]
    six = replace(screen, channels=(*screen.channels, "d", "e", "f"))
    assert evaluate_predictions(predictions, six, "perturbation").protocol is Protocol.CUSTOM
    with pytest.raises(PredictionsError, match="images of 6 channels, not of 3"):
        evaluate_predictions(predictions, six, "perturbation", protocol=Protocol.WILDS)
    adapted = replace(predictions, transductive=("plate statistics",))
    assert evaluate_predictions(adapted, screen, "perturbation").protocol is Protocol.CUSTOM


def test_wells_of_treatments_are_counted_as_the_competition_does(of_wells: Predictions, screen: Screen) -> None:
    evaluation = evaluate_predictions(of_wells, screen, "perturbation")
    assert evaluation.protocol is Protocol.RCIC
    assert evaluation.wells == 2215
    assert evaluation.stages[Stage.RAW].accuracy == pytest.approx(0.9964, abs=5e-5)
    assert set(evaluation.by["experiment"]) == {"HEPG2-08", "HUVEC-17"}


def test_two_networks_stand_side_by_side_and_protocols_do_not_mix(
    of_sites: dict[str, tuple[Predictions, pl.DataFrame]], of_wells: Predictions, screen: Screen
) -> None:
    judged = {name: judge(one, screen, "perturbation") for name, (one, _) in of_sites.items()}
    gain = compare(judged).gains["focal"][Stage.RAW]
    assert gain.interval is not None
    shares = [one.evaluation.stages[Stage.RAW].accuracy for one in judged.values()]
    assert gain.mean == pytest.approx(shares[1] - shares[0])
    with pytest.raises(PredictionsError, match="one is of protocol wilds, the other of rcic"):
        compare({"sites": judged["focal"], "wells": judge(of_wells, screen, "perturbation")})


def test_what_is_missing_of_a_plate_is_said(of_wells: Predictions, screen: Screen) -> None:
    keep = of_wells.ids["plate"] != "3"
    fewer = replace(
        of_wells,
        ids={name: column[keep] for name, column in of_wells.ids.items()},
        scores=of_wells.scores[keep],
        stages={stage: labels[keep] for stage, labels in of_wells.stages.items()},
    )
    notes = evaluate_predictions(fewer, screen, "perturbation").notes
    assert "2 plates without a well that counts: 'HEPG2-08/3', 'HUVEC-17/3'" in notes
