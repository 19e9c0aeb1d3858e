"""Exclusions: a list of sites to leave out of a screen, each with its reason, as a file that people can edit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.contracts.screens import Screen
from deepnoise_core.data.files import refuse_taken_file, replace_file
from deepnoise_core.data.names import did_you_mean
from deepnoise_core.data.tables import read_csv

NO_REASON = "no reason given"
"""Reason of a site whose line in the file gives none."""


def write_exclusions(path: Path, reasons: Mapping[str, str]) -> None:
    """Write `site_id,reason` as CSV, one line a site; line breaks within a reason become spaces.

    Args:
        path: file to write; must not exist yet.
        reasons: site id → why it is left out.

    Raises:
        OutputError: the file exists or cannot be written.
    """
    refuse_taken_file(path, "a list of excluded sites")
    lines = [" ".join(reason.split()) for reason in reasons.values()]
    table = pl.DataFrame({"site_id": list(reasons), "reason": lines}, schema=dict.fromkeys(_COLUMNS, pl.String))
    replace_file(path, table.write_csv())


def read_exclusions(path: Path) -> dict[str, str]:
    """Site id → reason, in the order of the file; entry i stands on line i + 2.

    Raises:
        ScreenError: the file is no table with `site_id` and `reason`, a site id is empty, or one stands there
            twice. Names the line.
    """
    table = read_csv(path, _COLUMNS, may_be_empty=True)
    lines: dict[str, int] = {}
    for line, site in enumerate(table["site_id"].to_list(), start=2):
        if site is None:
            raise ScreenError(f"{path}:{line}: site_id is empty; give one, or remove the line")
        if lines.setdefault(site, line) != line:
            raise ScreenError(
                f"{path}:{line}: site {site!r} stands already on line {lines[site]}; keep one of the lines"
            )
    return dict(zip(lines, table["reason"].fill_null(NO_REASON).to_list(), strict=True))


def without_excluded(screen: Screen, exclusions: Mapping[str, str], source: str) -> Screen:
    """The screen without these sites, which join `screen.dropped`; no pixel is read.

    A site that the reader dropped already keeps the reader's reason.

    Args:
        screen: N sites.
        exclusions: site id → reason, in the order of their file.
        source: that file, for messages.

    Raises:
        ScreenError: the screen never listed one of the sites, or no site is left. Names the line.
    """
    listed = dict(zip(screen.sites["site_id"].to_list(), range(len(screen)), strict=True))
    known = listed.keys() | {one.site_id for one in screen.dropped}
    for line, site in enumerate(exclusions, start=2):
        if site not in known:
            raise ScreenError(
                f"{source}:{line}: {screen.source} has no site {site!r}{did_you_mean(site, known)}; "
                "mend the line or remove it"
            )
    reasons = {listed[site]: reason for site, reason in exclusions.items() if site in listed}
    if len(reasons) == len(screen):
        raise ScreenError(f"{source}: excludes every site of {screen.source}; leave some")
    return screen.drop(reasons)


_COLUMNS = ("site_id", "reason")
