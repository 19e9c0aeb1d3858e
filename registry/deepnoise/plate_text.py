"""A plate as text, for terminals: a mark a well."""

from __future__ import annotations

import polars as pl

from deepnoise_core.contracts import Role, Screen
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import some_of
from deepnoise_core.data.plate_format import row_name, smallest_format, well_position

_MARKS = {
    Role.TREATMENT.value: "o",
    Role.POSITIVE_CONTROL.value: "+",
    Role.NEGATIVE_CONTROL.value: "-",
    Role.UNTREATED.value: "u",
    Role.UNKNOWN.value: "?",
}
_EMPTY = "."
_MOST_SPACED = 24


def plate_lines(screen: Screen, experiment: str, plate: str) -> list[str]:
    """One plate as lines: its name, column numbers, a letter and marks a row, and what the marks mean.

    Column numbers are read downwards. Marks stand apart on plates of up to 24 columns, so that wells look
    square, and close together on larger ones, so that 1,536 wells fit 80 characters.
    """
    own = screen.sites.filter((pl.col("experiment") == experiment) & (pl.col("plate") == plate))
    marks: dict[tuple[int, int], str] = {}
    strange: list[str] = []
    for well, role in own.unique("well", keep="first", maintain_order=True).select("well", "role").iter_rows():
        try:
            marks[well_position(well)] = _MARKS[role]
        except ScreenError:
            strange.append(well)
    lines = [f"plate {plate} of {experiment}", *(_grid(marks) if marks else [])]
    used = [f"{mark} {role.replace('_', ' ')}" for role, mark in _MARKS.items() if mark in marks.values()]
    if marks:
        lines.append("   " + ", ".join([*used, f"{_EMPTY} no site"]))
    if strange:
        lines.append(f"   no wells by their names: {some_of(strange)}")
    return lines


def _grid(marks: dict[tuple[int, int], str]) -> list[str]:
    height, width = smallest_format(1 + max(down for down, _ in marks), 1 + max(across for _, across in marks))
    gap = " " if width <= _MOST_SPACED else ""
    numbers = [f"{column:>2}" for column in range(1, width + 1)]
    heads = [gap.join(number[place] for number in numbers) for place in range(2)]
    rows = [gap.join(marks.get((row, column), _EMPTY) for column in range(width)) for row in range(height)]
    heads = [f"   {head}".rstrip() for head in heads if head.strip()]
    return [*heads, *(f"{row_name(row):>2} {line}" for row, line in enumerate(rows))]
