import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.plate_format import row_name, smallest_format, well_position


@pytest.mark.parametrize(
    ("well", "position"),
    [
        ("A01", (0, 0)),
        ("A1", (0, 0)),
        ("B02", (1, 1)),
        ("P24", (15, 23)),
        ("AF48", (31, 47)),
        ("b02", (1, 1)),
    ],
)
def test_wells_stand_where_their_names_say(well: str, position: tuple[int, int]) -> None:
    assert well_position(well) == position


@pytest.mark.parametrize("well", ["", "B", "02", "B00", "B002x", "B-2", "ABC1", "B123"])
def test_what_is_no_well_is_refused(well: str) -> None:
    with pytest.raises(ScreenError, match="is no well"):
        well_position(well)


@given(st.integers(0, 31), st.integers(0, 47))
def test_names_and_positions_agree(row: int, column: int) -> None:
    assert well_position(f"{row_name(row)}{column + 1:02d}") == (row, column)


def test_the_smallest_plate_that_fits_is_taken() -> None:
    assert smallest_format(8, 12) == (8, 12)
    assert smallest_format(15, 23) == (16, 24)
    assert smallest_format(40, 40) == (40, 40)
