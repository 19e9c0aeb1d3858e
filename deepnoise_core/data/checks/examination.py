"""All checks of a screen, in one pass over its pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.contracts.screens import ImageFiles, Screen
from deepnoise_core.data.checks.channel_order import suspect_plates
from deepnoise_core.data.checks.comparison import FEWEST_SITES
from deepnoise_core.data.checks.duplicates import repeated_channels, twins
from deepnoise_core.data.checks.emptiness import empty_sites
from deepnoise_core.data.checks.finding import CHECKS, Finding, Severity
from deepnoise_core.data.checks.focus import blurred
from deepnoise_core.data.checks.intensity import constant_planes, saturated_planes
from deepnoise_core.data.checks.layouts import check_layouts
from deepnoise_core.data.checks.reading import Reading, read_all
from deepnoise_core.data.checks.wells import check_wells
from deepnoise_core.data.plates.layout import plates_of

_BLURRED = "is much less sharp than its plate"


@dataclass(frozen=True)
class Examination:
    """What the checks of a screen found.

    Attributes:
        findings: by check in the order of `CHECKS`, and within one in the order of the screen.
        unjudged: what could not be checked, and why, one line each.
    """

    findings: tuple[Finding, ...]
    unjudged: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Findings of each check that found something."""
        counted = Counter(finding.check for finding in self.findings)
        return {check: counted[check] for check in CHECKS if check in counted}


def check_screen(screen: Screen, on_batch: Callable[[int], None] | None = None) -> Examination:
    """Look for all that may be wrong with a screen. A fault of an image is a finding and never stops the check.

    Args:
        screen: N sites.
        on_batch: called with the number of sites of each finished batch of images.
    """
    findings = [
        Finding("left out", Severity.WARNING, dropped.reason, site=dropped.site_id) for dropped in screen.dropped
    ]
    unjudged: list[str] = []
    try:
        reading = read_all(screen, on_batch)
    except ImageError as error:
        findings.append(Finding("no images", Severity.ERROR, str(error)))
        unjudged.append("images: there are none, so only the table of sites was checked")
    else:
        judge = _Judge(screen, reading)
        findings += judge.findings()
        unjudged += judge.unjudged()
    findings += check_wells(screen.sites) + check_layouts(screen.sites)
    order = list(CHECKS)
    return Examination(tuple(sorted(findings, key=lambda one: order.index(one.check))), tuple(unjudged))


def exclusions(findings: Iterable[Finding], screen: Screen) -> dict[str, str]:
    """Site id → reason for every site of the screen that has findings of its own, in the order of the screen."""
    reasons: dict[str, dict[str, None]] = {site: {} for site in screen.sites["site_id"].to_list()}
    for finding in findings:
        if finding.site in reasons:
            told = f"{finding.channel} {finding.message}" if finding.channel else finding.message
            reasons[finding.site][f"{finding.check}: {told}"] = None
    return {site: "; ".join(told) for site, told in reasons.items() if told}


class _Judge:
    """Turns the measures of a screen into findings."""

    def __init__(self, screen: Screen, reading: Reading) -> None:
        self.screen, self.reading, self.measures = screen, reading, reading.measures
        self.places = screen.sites.select("experiment", "plate", "well", "site_id").rows()
        self.plates = plates_of(screen.column("experiment"), screen.column("plate"))
        self.rows_of_plates = [rows for own in self.plates.values() for rows in own.values()]
        self.empty = empty_sites(self.measures, self.rows_of_plates)
        self.suspects, self.incomparable = suspect_plates(self.measures, self.plates, self._cell_types())

    def findings(self) -> Iterator[Finding]:
        """All of them, in no order that matters."""
        for fault in self.reading.faults:
            yield self._at("unreadable", Severity.ERROR, fault.reason, fault.row, fault.channel)
        yield from self._duplicates()
        yield from self._of_planes("constant", Severity.ERROR, constant_planes(self.measures), self._value)
        saturated = saturated_planes(self.measures, 8 * self.reading.header.dtype.itemsize)
        yield from self._of_planes("saturated", Severity.WARNING, saturated, self._share)
        sites, planes = blurred(self.measures, self.rows_of_plates)
        for row in np.flatnonzero(sites & ~self.empty).tolist():
            yield self._at("out of focus", Severity.WARNING, _BLURRED, row)
        # Where much of an image is burnt out, the edges of that hide what is fine.
        planes &= ~self.empty[:, None] & ~saturated
        yield from self._of_planes("out of focus", Severity.WARNING, planes, lambda row, channel: _BLURRED)
        for row in np.flatnonzero(self.empty).tolist():
            yield self._at("empty", Severity.WARNING, "has hardly any structure, unlike its plate", row)
        yield from self._exchanges()

    def unjudged(self) -> Iterator[str]:
        """What could not be compared."""
        small = sum(len(rows) < FEWEST_SITES for rows in self.rows_of_plates)
        if small:
            yield (
                f"out of focus, empty: {small} of {len(self.rows_of_plates)} plates have fewer than "
                f"{FEWEST_SITES} sites to compare"
            )
        if self.incomparable and len(self.screen.channels) > 1:
            yield (
                f"channel order: {len(self.incomparable)} of {len(self.rows_of_plates)} plates have too few "
                "others to be compared with"
            )

    def _duplicates(self) -> Iterator[Finding]:
        names = self.screen.channels
        for row, first, second in repeated_channels(self.measures):
            message = f"is the same image as {names[first]}"
            if (file := self._file(row, first)) is not None:
                message += " (one file)" if file == self._file(row, second) else f" ({file})"
            yield self._at("same channels", Severity.ERROR, message, row, second)
        for twin in twins(self.measures):
            pairs = [
                names[own] if own == its else f"{names[own]} (there {names[its]})" for own, its in twin.channels
            ]
            shared = "all channels" if len(pairs) == len(names) else ", ".join(pairs)
            message = f"has the same pixels as {self.places[twin.other][3]}: {shared}"
            channel = twin.channels[0][0] if len(pairs) == 1 else None
            yield self._at("same pixels", Severity.ERROR, message, twin.row, channel)

    def _exchanges(self) -> Iterator[Finding]:
        names = self.screen.channels
        for (experiment, plate), suspicion in self.suspects.items():
            moved = [
                f"{names[place]} looks like {names[channel]}"
                for place, channel in enumerate(suspicion.order)
                if place != channel
            ]
            message = f"{', '.join(moved)} ({suspicion.gain:.1f} times closer to {suspicion.reference})"
            yield Finding("channel order", Severity.WARNING, message, experiment, plate)

    def _of_planes(
        self, check: str, severity: Severity, planes: NDArray[np.bool_], message: Callable[[int, int], str]
    ) -> Iterator[Finding]:
        for row, channel in np.argwhere(planes).tolist():
            yield self._at(check, severity, message(row, channel), row, channel)

    def _value(self, row: int, channel: int) -> str:
        return f"is {self.measures.lowest[row, channel]} everywhere"

    def _share(self, row: int, channel: int) -> str:
        share, top = self.measures.at_highest[row, channel], self.measures.highest[row, channel]
        return f"has {100 * share:.0f} % of its pixels at {top}, the top of the scale"

    def _at(self, check: str, severity: Severity, message: str, row: int, channel: int | None = None) -> Finding:
        experiment, plate, well, site = self.places[row]
        name = None if channel is None else self.screen.channels[channel]
        file = None if channel is None else self._file(row, channel)
        return Finding(check, severity, message, experiment, plate, well, site, name, file)

    def _file(self, row: int, channel: int) -> str | None:
        store = self.screen.store
        return str(store.file(row, channel)) if isinstance(store, ImageFiles) else None

    def _cell_types(self) -> Mapping[str, str]:
        return dict(self.screen.sites.select("experiment", "cell_type").unique().rows())
