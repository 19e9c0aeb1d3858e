"""Where a well stands: `B02` is the second row and second column of any plate."""

from __future__ import annotations

import re
from string import ascii_uppercase

from deepnoise_core.contracts.errors import ScreenError

FORMATS = {6: (2, 3), 24: (4, 6), 96: (8, 12), 384: (16, 24), 1536: (32, 48)}
"""Wells of the common plates → (rows, columns)."""

_WELL = re.compile(r"([A-Za-z]{1,2})0*(\d{1,2})")


def well_position(well: str) -> tuple[int, int]:
    """Row and column of a well, both from 0: `A01` and `A1` are (0, 0), `AF48` is (31, 47).

    Raises:
        ScreenError: the name is no row letter and column number.
    """
    found = _WELL.fullmatch(well)
    if found is None or int(found[2]) == 0:
        raise ScreenError(f"{well!r} is no well; wells are a row letter and a column number, as in B02")
    row = 0
    for letter in found[1].upper():
        row = 26 * row + ascii_uppercase.index(letter) + 1
    return row - 1, int(found[2]) - 1


def row_name(row: int) -> str:
    """Letter of a row from 0: `A` to `Z`, then `AA` to `AF` and on."""
    return ascii_uppercase[row] if row < 26 else ascii_uppercase[row // 26 - 1] + ascii_uppercase[row % 26]


def well_name(well: str) -> str:
    """The name under which all of deepnoise knows a well: `b2` and `B02` are `B02`.

    Raises:
        ScreenError: as `well_position`.
    """
    row, column = well_position(well)
    return f"{row_name(row)}{column + 1:02}"


def smallest_format(rows: int, columns: int) -> tuple[int, int]:
    """The smallest common plate that has so many rows and columns; they themselves where none has."""
    fitting = [size for size in FORMATS.values() if rows <= size[0] and columns <= size[1]]
    return fitting[0] if fitting else (rows, columns)
