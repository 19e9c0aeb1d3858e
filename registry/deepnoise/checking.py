"""Checks of a screen as people and programs see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deepnoise_core.contracts import Screen
from deepnoise_core.data.checks import CHECKS, Examination, Finding, check_screen
from deepnoise_core.engine.observation import Observer

MOST_SHOWN = 10
"""Findings of one check that are shown to people; JSON holds all."""


@dataclass(frozen=True)
class Table:
    """Some rows under a title."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def examine(screen: Screen, observer: Observer) -> Examination:
    """Run all checks, with progress by site."""
    with observer.task("checking images", len(screen)) as advance:
        return check_screen(screen, on_batch=advance)


def as_dict(screen: Screen, examination: Examination) -> dict[str, Any]:
    """Everything that was found, in JSON types."""
    return {
        "source": screen.source,
        "reader": screen.reader,
        "sites": len(screen),
        "counts": examination.counts(),
        "findings": [finding.as_dict() for finding in examination.findings],
        "unjudged": list(examination.unjudged),
    }


def tables(screen: Screen, examination: Examination) -> list[Table]:
    """How much each check found, and then the first findings of each; none where all is well.

    Paths are told from the folder of the screen on.
    """
    counts = examination.counts()
    if not counts:
        return []
    severity = {finding.check: finding.severity.value for finding in examination.findings}
    found = [[check, severity[check], f"{count:,}", CHECKS[check]] for check, count in counts.items()]
    details = [
        _details(
            check, [finding for finding in examination.findings if finding.check == check], f"{screen.source}/"
        )
        for check in counts
    ]
    return [Table("Found", ["check", "severity", "count", "what it finds"], found), *details]


def summary(screen: Screen, examination: Examination) -> str:
    """One line that says it all."""
    sites = f"{_counted(len(screen), 'site')} of {screen.source}"
    if not examination.findings:
        return f"nothing found in {sites}"
    severities = [finding.severity.value for finding in examination.findings]
    parts = [_counted(severities.count(name), name) for name in sorted(set(severities))]
    return f"{' and '.join(parts)} in {sites}"


def _details(check: str, findings: Sequence[Finding], folder: str) -> Table:
    shown = findings[:MOST_SHOWN]
    with_channel = any(finding.channel for finding in shown)
    columns = ["where", *(["channel"] if with_channel else []), "what"]
    rows = [
        [
            finding.place,
            *([finding.channel or ""] if with_channel else []),
            finding.message.replace(folder, ""),
        ]
        for finding in shown
    ]
    first = f", the first {len(shown)} of {len(findings):,}" if len(shown) < len(findings) else ""
    return Table(f"{check.capitalize()}{first}", columns, rows)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
