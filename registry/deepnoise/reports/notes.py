"""Notes that say the same of many things, told once."""

from __future__ import annotations

import re
from collections.abc import Sequence

_FEW = 3
_OWN = re.compile(r"(?<=experiment )\S+|(?<=plate )\S+|\d+(?:\.\d+)?")


def folded(notes: Sequence[str]) -> list[list[str]]:
    """Notes in the order of their first, together where names and numbers alone differ and they are not few."""
    alike: dict[str, list[str]] = {}
    for note in notes:
        alike.setdefault(_OWN.sub("#", note), []).append(note)
    return [group for own in alike.values() for group in ([own] if len(own) > _FEW else [[one] for one in own])]
