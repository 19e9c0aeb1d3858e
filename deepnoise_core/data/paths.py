"""Names of places: which are URLs, and which stay inside the folder that they are looked for in."""

from __future__ import annotations

import polars as pl

from deepnoise_core.contracts.errors import ScreenError


def require_inside(names: pl.Series, places: pl.Series) -> None:
    """Refuse names that could lead out of their folder on any system; looks at no file.

    Such are absolute names, names with a drive, a backslash or NUL, and names that go up by `..`. A link
    inside the folder may point anywhere: whoever made it could read that file anyway. Nulls pass.

    Args:
        names: file or folder names, strings [n].
        places: where each name stands, e.g. `index.csv:17`, strings [n].

    Raises:
        ScreenError: names the place of the first such name.
    """
    outside = names.str.contains(_OUTSIDE).arg_true()
    if len(outside):
        row = int(outside[0])
        raise ScreenError(
            f"{places[row]}: {names[row]!r} may lead out of its folder; give a relative name with forward "
            "slashes and without '..'"
        )


def is_url(name: str) -> bool:
    """Whether a name is a URL rather than a path."""
    return "://" in name


_OUTSIDE = r"(?:^|/)\.\.(?:/|$)|^/|^[A-Za-z]:|[\\\x00]"
