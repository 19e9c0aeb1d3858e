"""Sections: of several z planes or time points of a site one is read, and never another one silently."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_plugins.file_names.fields import PLACE


def one_section(fields: pl.DataFrame, chosen: dict[str, int | None], root: Path) -> pl.DataFrame:
    """The files of the chosen z plane and time point; all where no site has several.

    Args:
        fields: as `read_fields` gives them.
        chosen: `z` and `t` → the number to keep, or None.
        root: folder of the screen.

    Raises:
        ScreenError: a site has several and none is chosen, none has the chosen one, or two files are the same
            plane of the same site.
    """
    for name, number in chosen.items():
        if number is not None:
            fields = _only(fields, name, number, root)
    for name in chosen:
        other = [key for key in chosen if key != name]
        several = fields.group_by(*PLACE, "channel", *other).agg(pl.col(name).n_unique()).filter(pl.col(name) > 1)
        if not several.is_empty():
            raise ScreenError(
                f"{root}: sites have several {_WORDS[name]} ({_some(fields[name])}); pick one with the option "
                f"{name}, e.g. {name}={fields[name].drop_nulls().sort()[0]}, or project them into one"
            )
    again = fields.filter(pl.struct(*PLACE, "channel").is_duplicated())
    if not again.is_empty():
        first = again.row(0, named=True)
        twice = again.filter(*(pl.col(name).eq_missing(first[name]) for name in (*PLACE, "channel")))["name"]
        raise ScreenError(
            f"{root}: {twice[0]} and {twice[1]} are the same channel of the same site (experiment "
            f"{first['experiment']}, plate {first['plate']}, well {first['well']}, site {first['site']}); put "
            "each plate into a folder of its own, or say with the option pattern what tells them apart"
        )
    return fields


_WORDS = {"z": "z planes", "t": "time points"}


def _only(fields: pl.DataFrame, name: str, number: int, root: Path) -> pl.DataFrame:
    kept = fields.filter(pl.col(name) == number)
    if kept.is_empty():
        found = _some(fields[name]) or "none"
        raise ScreenError(f"{root}: no image is of {name}={number}; the {_WORDS[name]} are {found}")
    return kept


def _some(numbers: pl.Series) -> str:
    known = numbers.drop_nulls().unique().sort().to_list()
    return ", ".join(map(str, known[:_SHOWN])) + (
        f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    )


_SHOWN = 8
