"""How microscopes name their image files."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Convention:
    """Names that one maker's software gives.

    Attributes:
        name: the maker or software.
        example: such a name.
        pattern: matches the whole name of a file without its ending. Groups as in the option `pattern`, and
            `prefix`, which tells plates apart where no folder does, and `order`, which sorts channels.
    """

    name: str
    example: str
    pattern: str

    def follows(self, files: pl.Series) -> pl.Series:
        """Which files are named so, bool [n]."""
        named = stems(files).str.contains(whole(self.pattern))
        # A file without a channel in its name must be able to hold several.
        return named if "<channel>" in self.pattern else named & files.str.contains(r"(?i)\.tiff?$")


_WELL = "(?P<well>[A-Z]{1,2}[0-9]{1,2})"
_PREFIX = "(?:(?P<prefix>[^/]+)_)?"
_GUID = "(?:[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12})?"

CONVENTIONS = (
    Convention(
        "ImageXpress",
        "Week1_B02_s1_w1.tif",
        f"{_PREFIX}{_WELL}(?:_s(?P<site>[0-9]+))?_(?P<channel>w[0-9]){_GUID}",
    ),
    Convention(
        "Opera Phenix and Operetta (Harmony)",
        "r02c02f01p01-ch1sk1fk1fl1.tiff",
        "r(?P<row>[0-9]+)c(?P<col>[0-9]+)f(?P<site>[0-9]+)p(?P<z>[0-9]+)(?:rc[0-9]+)?-(?P<channel>ch[0-9]+)"
        "sk(?P<t>[0-9]+)fk[0-9]+fl[0-9]+",
    ),
    Convention(
        "Yokogawa CellVoyager",
        "AssayPlate_B02_T0001F001L01A01Z01C01.tif",
        f"{_PREFIX}{_WELL}_T(?P<t>[0-9]+)F(?P<site>[0-9]+)L[0-9]+A[0-9]+Z(?P<z>[0-9]+)(?P<channel>C[0-9]+)",
    ),
    Convention(
        "Cytation and Lionheart (Gen5)",
        "B7_01_1_3_DAPI_001.tif",
        f"{_PREFIX}{_WELL}_[0-9]+_(?P<order>[0-9]+)_(?P<site>[0-9]+)(?:Z(?P<z>[0-9]+))?_(?P<channel>[^_/]+)"
        "_(?P<t>[0-9]+)",
    ),
    Convention(
        "ArrayScan and CellInsight (Cellomics)",
        "AS_09125_050116030001_D03f00d0.tif",
        f"{_PREFIX}{_WELL}f(?P<site>[0-9]+)(?P<channel>d[0-9]+)",
    ),
    Convention(
        "IN Cell Analyzer",
        "B - 02(fld 1 wv DAPI - DAPI).tif",
        r"(?P<row>[A-Z]{1,2}) - (?P<col>[0-9]+)\(fld (?P<site>[0-9]+) wv (?P<channel>.+?)(?: z (?P<z>[0-9]+))?\)",
    ),
    Convention("one file a well or site", "Plate1_B02_s1.ome.tif", f"{_PREFIX}{_WELL}(?:_s(?P<site>[0-9]+))?"),
)
"""Tried in this order; the last is of files whose pages are the channels."""


def convention_of(files: pl.Series) -> Convention | None:
    """The first convention that nine of ten files follow, told by their paths."""
    return next((one for one in CONVENTIONS if one.follows(files).mean() >= _MOST), None)  # type: ignore[operator]


_MOST = 0.9


def stems(files: pl.Series) -> pl.Series:
    """Paths without the endings that images have."""
    return files.str.replace(r"(?i)(?:\.ome)?\.(?:png|tiff?)$", "")


def whole(pattern: str) -> str:
    """The expression by which a pattern matches a path as a whole, in whatever folders."""
    return f"^(?:.*/)?(?:{pattern})$"
