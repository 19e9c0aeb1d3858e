"""Designs that recipes give: sets by a column, replicates, roles; on simulated and on real layouts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import deepnoise as dn
from deepnoise_core.contracts import NO_LABEL, DesignOptions, Screen
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.plates import assign_plates, design_of, discover_design, plates_of, with_plates
from deepnoise_core.testing.screens import random_screen


def simulated() -> tuple[Screen, NDArray[np.int64], int]:
    """The tiny screen with the name of each plate's set in `layout`, and labels of training treatments."""
    screen = dn.simulate("tiny")
    number = {name: index for index, name in enumerate(screen.sites["perturbation"].unique().sort())}
    treated = (screen.column("role") == "treatment") & (screen.column("dataset") == "train")
    classes = [number[name] for name in screen.column("perturbation")]
    codes = np.where(treated, classes, NO_LABEL)
    held = discover_design(codes, screen.column("experiment"), screen.column("plate"), len(number)).groups
    layout = np.full(len(screen), "", dtype=object)
    for plates in plates_of(screen.column("experiment"), screen.column("plate")).values():
        for rows in plates.values():
            own = {
                label
                for label, role in zip(np.array(classes)[rows], screen.column("role")[rows], strict=True)
                if role == "treatment"
            }
            layout[rows] = "ABCD"[next(index for index, group in enumerate(held) if own <= group)]
    return replace(screen, sites=screen.sites.with_columns(layout=pl.Series(layout.tolist()))), codes, len(number)


def test_nothing_said_is_what_labels_show() -> None:
    screen, codes, classes = simulated()
    wells = screen.sites.with_row_index().filter(pl.Series(codes >= 0)).unique("well_id", maintain_order=True)
    rows = wells["index"].to_numpy()
    found = discover_design(codes[rows], screen.column("experiment")[rows], screen.column("plate")[rows], classes)
    assert design_of(screen, codes, classes) == design_of(screen, codes, classes, DesignOptions()) == found


def test_a_column_names_the_group_of_every_plate_test_plates_too() -> None:
    screen, codes, classes = simulated()
    shown = design_of(screen, codes, classes)
    design = design_of(screen, codes, classes, DesignOptions(sets="layout"))
    assert set(design.groups) == set(shown.groups)
    assert design.sets == ("A", "B", "C", "D")
    test = screen.sites.filter(pl.col("dataset") == "test")
    assert len(test)
    for experiment, plate, name in test.select("experiment", "plate", "layout").unique().iter_rows():
        assert design.sets[design.known[experiment][plate]] == name


def test_a_set_that_no_training_plate_holds_is_no_group() -> None:
    screen, codes, classes = simulated()
    foreign = pl.when((pl.col("dataset") == "test") & (pl.col("plate") == "2")).then(pl.lit("E"))
    sites = screen.sites.with_columns(layout=foreign.otherwise(pl.col("layout")))
    design = design_of(replace(screen, sites=sites), codes, classes, DesignOptions(sets="layout"))
    assert {plates["2"] for name, plates in design.known.items() if name == "RPE-02"} == {-1}
    assert with_plates(design, screen, "layout").known["RPE-02"]["2"] >= 0
    assert with_plates(design, screen, None) is design


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (pl.col("layout"), {"sets": "layot"}, "no column 'layot', did you mean 'layout'"),
        (pl.lit(None, dtype=pl.String), {"sets": "layout"}, "plate 1 of experiment HUVEC-01 must name one set"),
        (pl.col("role"), {"sets": "layout"}, "plate 1 of experiment HUVEC-01 must name one set"),
        (pl.col("experiment"), {"sets": "layout"}, "sets must be disjoint"),
    ],
)
def test_faulty_sets_are_named(change: pl.Expr, options: dict[str, Any], message: str) -> None:
    screen, codes, classes = simulated()
    faulty = replace(screen, sites=screen.sites.with_columns(layout=change))
    with pytest.raises(ScreenError, match=message):
        design_of(faulty, codes, classes, DesignOptions.model_validate(options))


@pytest.fixture(scope="module")
def crispr(shared: Callable[[str], Path]) -> tuple[Screen, NDArray[np.int64], tuple[str, ...]]:
    """Six plates of 384 wells of the Cell Health screen: a guide a well, of genes with several, and controls."""
    table = pl.read_csv(next(shared("idr0080_crispr_layout").glob("*.csv.gz")), infer_schema=False)
    table = table.filter(~pl.col("Plate").str.contains("illum")).select(
        plate="Plate",
        well="Well",
        perturbation="Reagent Identifier",
        cell_type="Characteristics [Cell Line]",
        control="Control Type",
    )
    blank = random_screen(sites=1)
    sites = table.with_columns(
        well_id=pl.concat_str("plate", "well", separator="_"),
        site_id=pl.concat_str("plate", "well", separator="_"),
        experiment="cell_type",
        site=pl.lit(1, dtype=pl.Int64),
        dataset=pl.lit("train"),
        role=pl.when(pl.col("control").is_null()).then(pl.lit("treatment")).otherwise(pl.lit("negative_control")),
    )
    names = tuple(sites["perturbation"].drop_nulls().unique().sort())
    number = {name: index for index, name in enumerate(names)}
    codes = np.array([number.get(name, NO_LABEL) for name in sites["perturbation"].to_list()])
    return replace(blank, sites=sites), codes, names


def test_replicates_of_a_real_crispr_screen(crispr: tuple[Screen, NDArray[np.int64], tuple[str, ...]]) -> None:
    screen, codes, names = crispr
    counts = screen.sites.filter(pl.col("perturbation").is_not_null()).group_by("plate", "perturbation").len()
    most = dict(counts.group_by("perturbation").agg(pl.col("len").max()).iter_rows())
    design = design_of(screen, codes, len(names), DesignOptions(replicates="labelled"))
    assert design.limit == tuple(most[name] for name in names)
    assert not design.groups  # Every plate holds every guide.
    assert max(most.values()) > 1
    with pytest.raises(ScreenError, match=r"design.replicates is 1, but plate SQ\d+ of experiment A549 has"):
        design_of(screen, codes, len(names), DesignOptions(replicates=1))
    scores = np.zeros((len(codes), len(names)))
    scores[np.arange(len(codes)), codes] = 9.0
    kept = codes >= 0
    plate, experiment = screen.column("plate")[kept], screen.column("experiment")[kept]
    result = assign_plates(scores[kept], experiment=experiment, plate=plate, capacity=np.array(design.limit))
    np.testing.assert_array_equal(result.labels, codes[kept])


def test_roles_say_which_wells_keep_to_a_design(
    crispr: tuple[Screen, NDArray[np.int64], tuple[str, ...]],
) -> None:
    screen, codes, names = crispr
    design = design_of(screen, codes, len(names), DesignOptions.model_validate({"roles": ["treatment"]}))
    assert design.roles == ("treatment",)
    roles = screen.column("role")
    np.testing.assert_array_equal(design.binds(roles), roles == "treatment")
    assert design_of(screen, codes, len(names)).binds(roles).all()
