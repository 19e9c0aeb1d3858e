"""Names sort as people read them."""

from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.data.names import did_you_mean, natural_key, some_of


def test_numbers_sort_by_value() -> None:
    names = ["HUVEC-10", "HUVEC-2", "HUVEC-2b", "10", "9", "RPE-1", "sirna_100", "sirna_20"]
    order = ["9", "10", "HUVEC-2", "HUVEC-2b", "HUVEC-10", "RPE-1", "sirna_20", "sirna_100"]
    assert sorted(names, key=natural_key) == order


@given(st.lists(st.text("a0129-", max_size=6), unique=True))
def test_different_names_never_tie(names: list[str]) -> None:
    assert len({natural_key(name) for name in names}) == len(names)
    assert sorted(sorted(names), key=natural_key) == sorted(sorted(names, reverse=True), key=natural_key)


def test_close_names_are_offered() -> None:
    assert did_you_mean("HUVEC-1", ["HUVEC-01", "RPE-05"]) == ", did you mean 'HUVEC-01'?"
    assert did_you_mean("zebra", ["HUVEC-01"]) == ""


def test_long_lists_are_cut() -> None:
    assert some_of("abc") == "'a', 'b', 'c'"
    assert some_of("abcdefg", most=2) == "'a', 'b' and 5 more"
