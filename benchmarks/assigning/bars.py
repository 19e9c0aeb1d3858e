"""Rows of the table: what was measured, and what it must reach."""

from __future__ import annotations

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


def _row(what: str, measured: float, must: str, *, passed: bool | None) -> Row:
    return {
        "what": what,
        "measured": float(f"{measured:.4g}"),
        "must": must,
        "passed": None if passed is None else bool(passed),
    }
