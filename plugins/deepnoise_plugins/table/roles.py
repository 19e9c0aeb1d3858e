"""Roles: what the values of a table's role columns mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from deepnoise_core.contracts import Role
from deepnoise_plugins.table.cells import refuse

KNOWN: Mapping[str, Role] = {
    **{role.value: role for role in Role},
    "trt": Role.TREATMENT,
    "negcon": Role.NEGATIVE_CONTROL,
    "poscon*": Role.POSITIVE_CONTROL,
    "control": Role.UNKNOWN,  # it does not say which
    "": Role.UNKNOWN,
}
"""Value → role in tables of JUMP and pycytominer, and in our own; `*` stands for any ending."""


def roles_of(columns: Sequence[pl.Series], given: Mapping[str, Role], places: pl.Series) -> pl.Series:
    """The role of each site, strings [N].

    Args:
        columns: texts that may say it; the first that is filled counts.
        given: value → role as the user says, before `KNOWN`.
        places: where each row stands, [N].

    Raises:
        ScreenError: a value has no role.
    """
    values = pl.select(pl.coalesce(columns).fill_null("")).to_series().alias(columns[0].name)
    found = {value: _role(value, given) or _role(value, KNOWN) for value in values.unique()}
    meanings = {value: role.value for value, role in found.items() if role}
    message = f"names no role; say which one with the option roles: {', '.join(Role)}"
    refuse(values, ~values.is_in(list(meanings)), places, message)
    return values.replace_strict(meanings, return_dtype=pl.String).alias("role")


def _role(value: str, meanings: Mapping[str, Role]) -> Role | None:
    endings = (role for key, role in meanings.items() if key.endswith("*") and value.startswith(key[:-1]))
    return meanings.get(value) or next(endings, None)
