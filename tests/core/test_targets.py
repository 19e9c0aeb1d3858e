"""Targets hold the labels of training and validation wells, never those of test wells."""

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepnoise_core.contracts import NO_LABEL, Role, Screen, SplitOptions
from deepnoise_core.contracts.errors import ScreenError, SplitError
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.splits import split
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.data.targets import encode_target, restrict_target, truth

ROWS = [
    # experiment, role, perturbation
    ("A", "treatment", "s10"),
    ("A", "treatment", "s9"),
    ("A", "negative_control", "EMPTY"),
    ("B", "treatment", "s9"),
    ("B", "treatment", None),
    ("C", "treatment", "s10"),
    ("C", "treatment", "s77"),
]
SPLIT = SplitOptions(validation=("B",), test=("C",))


def screen(rows: list[tuple[str, str, str | None]] = ROWS) -> Screen:
    table = pl.DataFrame(rows, schema=["experiment", "role", "perturbation"], orient="row").with_columns(
        pl.lit("1").alias("plate"),
        pl.int_range(pl.len()).cast(pl.String).alias("well"),
        pl.lit(1).alias("site"),
    )
    return Screen(
        site_table(table, "memory"), ("dna",), ArrayStore(np.zeros((len(rows), 1, 8, 8), np.uint8)), "memory"
    )


def test_classes_and_codes() -> None:
    table = screen()
    target = encode_target(table, "perturbation", None, split(table, SPLIT))
    assert target.classes == ("s9", "s10")
    assert target.codes.dtype == np.int64
    assert target.codes.tolist() == [1, 0, NO_LABEL, 0, NO_LABEL, NO_LABEL, NO_LABEL]
    assert target.used.tolist() == [True, True, False, True, True, True, True]


def test_truth_tells_all() -> None:
    assert truth(screen(), "perturbation").tolist() == [row[2] for row in ROWS]


def test_other_targets_use_every_role() -> None:
    table = screen([("A", "treatment", "x"), ("A", "untreated", None), ("B", "positive_control", "y")])
    target = encode_target(table, "role", None, split(table, SplitOptions()))
    assert target.classes == ("positive_control", "treatment", "untreated")
    assert target.codes.tolist() == [1, 2, 0]
    assert target.used.all()


def test_roles_can_be_chosen() -> None:
    table = screen()
    roles = (Role.TREATMENT, Role.NEGATIVE_CONTROL)
    target = encode_target(table, "perturbation", roles, split(table, SPLIT))
    assert target.classes == ("s9", "s10", "EMPTY")
    assert target.control_classes == ("EMPTY",)
    assert target.num_treatments == 2
    assert target.codes.tolist() == [1, 0, 2, 0, NO_LABEL, NO_LABEL, NO_LABEL]
    assert target.used.all()
    assert target.scored.tolist() == [True, True, False, True, True, True, True]


def test_controls_alone_are_scored_themselves() -> None:
    rows: list[tuple[str, str, str | None]] = [
        ("A", "negative_control", "EMPTY"),
        ("A", "positive_control", "s5"),
    ]
    table = screen([*rows, ("A", "treatment", "s1")])
    roles = (Role.POSITIVE_CONTROL, Role.NEGATIVE_CONTROL)
    target = encode_target(table, "perturbation", roles, split(table, SplitOptions()))
    assert (target.classes, target.control_classes) == (("EMPTY", "s5"), ())
    assert target.num_treatments is None
    assert target.scored.tolist() == target.used.tolist() == [True, True, False]


def test_a_class_of_treatments_and_controls_is_one_of_treatments() -> None:
    rows = [("A", "treatment", "s1"), ("A", "positive_control", "s2"), ("A", "treatment", "s2")]
    table = screen([*rows, ("A", "positive_control", "s0"), ("A", "unknown", "s3")])
    target = encode_target(table, "perturbation", tuple(Role), split(table, SplitOptions()))
    assert target.classes == ("s1", "s2", "s3", "s0")
    assert target.control_classes == ("s0",)
    assert target.scored.tolist() == [True, False, True, False, True]


def test_other_targets_score_controls_too() -> None:
    table = screen()
    target = encode_target(table, "experiment", None, split(table, SplitOptions()))
    assert (target.control_classes, target.num_treatments) == ((), None)
    assert target.scored.all()


def test_a_validation_treatment_that_controls_alone_show_in_training_is_named() -> None:
    rows = [*ROWS, ("A", "positive_control", "s7"), ("B", "treatment", "s7"), ("B", "positive_control", "s8")]
    table = screen(rows)
    with pytest.raises(SplitError, match=re.escape("1 class(es) of 'perturbation' stand in validation")):
        encode_target(table, "perturbation", tuple(Role), split(table, SPLIT))


def test_class_of_validation_alone_is_named() -> None:
    table = screen([*ROWS, ("B", "treatment", "s11")])
    with pytest.raises(
        SplitError, match=re.escape("1 class(es) of 'perturbation' stand in validation sites and")
    ):
        encode_target(table, "perturbation", None, split(table, SPLIT))


@pytest.mark.parametrize(
    ("target", "roles", "message"),
    [
        ("pertubation", None, "no column 'pertubation' to learn, did you mean 'perturbation'?"),
        (
            "perturbation",
            (Role.UNTREATED,),
            "no site has a role of untreated; the screen has 6 treatment, 1 neg",
        ),
        ("perturbation", (), "no site has a role of none"),
    ],
)
def test_fault_is_named(target: str, roles: tuple[Role, ...] | None, message: str) -> None:
    table = screen()
    with pytest.raises(ScreenError, match=re.escape(message)):
        encode_target(table, target, roles, split(table, SPLIT))


def test_one_class_cannot_be_learned() -> None:
    table = screen([("A", "treatment", "x"), ("A", "treatment", None)])
    with pytest.raises(SplitError, match="the 1 labelled training sites show 1 class"):
        encode_target(table, "perturbation", None, split(table, SplitOptions()))


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["s1", "s2", "s3", None]), min_size=2, max_size=2))
def test_labels_of_test_wells_change_nothing(labels: list[str | None]) -> None:
    withheld = screen([*ROWS[:5], ("C", "treatment", None), ("C", "treatment", None)])
    told = screen([*ROWS[:5], ("C", "treatment", labels[0]), ("C", "treatment", labels[1])])
    one = encode_target(withheld, "perturbation", None, split(withheld, SPLIT))
    two = encode_target(told, "perturbation", None, split(told, SPLIT))
    assert one.classes == two.classes
    np.testing.assert_array_equal(one.codes, two.codes)
    np.testing.assert_array_equal(one.used, two.used)


def test_classes_stay_those_of_all_cell_types() -> None:
    table = screen()
    kinds = ["RPE", "RPE", "RPE", "HUVEC", "HUVEC", "RPE", "HUVEC"]
    table = replace(table, sites=table.sites.with_columns(cell_type=pl.Series(kinds)))
    everything = encode_target(table, "perturbation", None, split(table, SPLIT))
    target = restrict_target(everything, table, ("HUVEC",))
    assert target.classes == everything.classes
    other = np.array(kinds) != "HUVEC"
    assert (target.codes[other] == NO_LABEL).all()
    assert not target.used[other].any()
    assert (target.codes[~other] == everything.codes[~other]).all()
    assert restrict_target(everything, table, None) is everything
    with pytest.raises(ScreenError, match=re.escape("no site is of cell type 'HUVE', did you mean 'HUVEC'?")):
        restrict_target(everything, table, ("HUVE",))
