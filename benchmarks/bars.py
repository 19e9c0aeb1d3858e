"""Rows of a benchmark's table: what was measured, and what it must reach."""

from __future__ import annotations

from collections.abc import Sequence

from deepnoise.console import print_note, print_table

Row = dict[str, object]


def at_most(what: str, measured: float, bar: float) -> Row:
    """A figure that must be this or less."""
    return _row(what, measured, f"<= {bar:g}", passed=measured <= bar)


def at_least(what: str, measured: float, bar: float) -> Row:
    """A figure that must be this or more."""
    return _row(what, measured, f">= {bar:g}", passed=measured >= bar)


def near(what: str, measured: float, expected: float, tolerance: float) -> Row:
    """A figure that must be another, but for a tolerance."""
    return _row(what, measured, f"{expected:g} ± {tolerance:g}", passed=abs(measured - expected) <= tolerance)


def shown(what: str, measured: float) -> Row:
    """A figure that stands beside others."""
    return _row(what, measured, "–", passed=None)


def show(title: str, rows: Sequence[Row]) -> None:
    """The rows as a table."""
    words = {True: "yes", False: "NO", None: ""}
    cells = [[str(row["what"]), f"{row['measured']:.4g}", str(row["must"]), words[row["passed"]]] for row in rows]  # type: ignore[index]
    print_table(title, ["what", "measured", "must be", "passed"], cells)
    judged = [row["passed"] for row in rows if row["passed"] is not None]
    print_note(f"{judged.count(False)} of {len(judged)} missed")


def missed(rows: Sequence[Row]) -> bool:
    """Whether any row is not what it must be."""
    return any(row["passed"] is False for row in rows)


def _row(what: str, measured: float, must: str, *, passed: bool | None) -> Row:
    return {
        "what": what,
        "measured": float(f"{measured:.4g}"),
        "must": must,
        "passed": None if passed is None else bool(passed),
    }
