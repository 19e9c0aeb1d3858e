"""Tables of sites are complete and right, or the row at fault is named."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepnoise_core.contracts import SITE_COLUMNS, Role
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.sites import site_table


def frame(**columns: list[object]) -> pl.DataFrame:
    base: dict[str, list[object]] = {
        "experiment": ["HUVEC-01", "HUVEC-01", "RPE-02"],
        "plate": ["1", "1", "2"],
        "well": ["B02", "B02", "C03"],
        "site": ["1", "2", "1"],
    }
    return pl.DataFrame({name: values for name, values in {**base, **columns}.items() if values})


def test_minimal_table_is_completed() -> None:
    table = site_table(frame(), "metadata.csv")
    assert tuple(table.columns) == SITE_COLUMNS
    assert table["site_id"].to_list() == ["HUVEC-01_1_B02_1", "HUVEC-01_1_B02_2", "RPE-02_2_C03_1"]
    assert table["well_id"].to_list() == ["HUVEC-01_1_B02", "HUVEC-01_1_B02", "RPE-02_2_C03"]
    assert set(table["role"]) == {Role.UNKNOWN.value}
    assert set(table["cell_type"]) == {"unknown"}
    assert table["perturbation"].null_count() == table["dataset"].null_count() == 3


def test_given_columns_are_kept() -> None:
    given_columns = frame(
        concentration=[0.1, 0.2, 0.3],
        well_id=["a", "a", "b"],
        role=["treatment", "treatment", None],
        perturbation=["x", "", None],
        plate=[1, 1, 2],
    )
    table = site_table(given_columns, "metadata.csv")
    assert table.columns == [*SITE_COLUMNS, "concentration"]
    assert table["site_id"].to_list() == ["a_1", "a_2", "b_1"]
    assert table["role"].to_list() == ["treatment", "treatment", "unknown"]
    assert table["perturbation"].to_list() == ["x", None, None]
    assert table["plate"].to_list() == ["1", "1", "2"]
    assert table["site"].dtype == pl.Int64
    assert all(table[name].dtype == pl.String for name in SITE_COLUMNS if name != "site")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"plate": []}, "m.csv: column 'plate' is missing; found 'experiment', 'well', 'site'"),
        ({"experiment": ["a", " ", "b"]}, "m.csv:3: experiment is empty"),
        ({"plate": ["1", "1", None]}, "m.csv:4: plate is empty"),
        ({"well": ["", "B02", "C03"]}, "m.csv:2: well is empty"),
        ({"site": ["1", "two", "1"]}, "m.csv:3: site is 'two'; give a whole number"),
        ({"site": [1, 2, None]}, "m.csv:4: site is None"),
        (
            {"role": ["treatment", "treatment", "dmso"]},
            "m.csv:4: role 'dmso' is unknown; allowed are treatment, ",
        ),
        ({"site": ["1", "1", "1"]}, "m.csv:3: site 'HUVEC-01_1_B02_1' stands already at m.csv:2"),
        ({"site_id": ["u", "v", "u"]}, "m.csv:4: site 'u' stands already at m.csv:2"),
        ({"site_id": ["u", "v", None]}, "m.csv:4: site_id is empty"),
        (
            {"well_id": ["w", "w", "w"], "site": [1, 2, 3]},
            "m.csv:4: well id 'w' names another well at m.csv:2",
        ),
    ],
)
def test_fault_names_its_line(columns: dict[str, list[object]], message: str) -> None:
    with pytest.raises(ScreenError, match=re.escape(message)):
        site_table(frame(**columns), "m.csv")


def test_places_replace_line_numbers() -> None:
    places = pl.Series(["train.csv:9", "train.csv:9", "test.csv:4"])
    with pytest.raises(ScreenError, match=re.escape("test.csv:4: well is empty")):
        site_table(frame(well=["B02", "B02", ""]), "folder", places)


def test_empty_table_is_refused() -> None:
    with pytest.raises(ScreenError, match="no site is listed"):
        site_table(frame().clear(), "m.csv")


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)), min_size=1, max_size=12))
def test_site_ids_are_unique_or_refused(sites: list[tuple[int, int, int]]) -> None:
    table = pl.DataFrame(sites, schema=["plate", "well", "site"], orient="row").with_columns(
        experiment=pl.lit("A")
    )
    if len(set(sites)) == len(sites):
        assert site_table(table, "m.csv")["site_id"].is_unique().all()
    else:
        with pytest.raises(ScreenError, match="stands already at"):
            site_table(table, "m.csv")
