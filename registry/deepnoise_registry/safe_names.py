"""Names of files that others chose: which may be written, on any system, below a folder of ours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from deepnoise_core.contracts.errors import InputError

LONGEST_PART, LONGEST_NAME = 255, 1024
"""Bytes of UTF-8 that common file systems take for one part, and for a whole name below a folder."""


def safe_name(name: str) -> str:
    """The name itself, where it stays inside its folder and can be written on POSIX and on Windows alike.

    A name is a relative path with forward slashes. Both systems' rules hold on both, so that a bundle that can be
    pulled here can be pulled anywhere.

    Raises:
        InputError: says what is wrong with the name.
    """
    fault = _fault(name)
    if fault:
        raise InputError(f"file name {name!r:.120}: {fault}; rename the file where it was published")
    return name


def safe_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names that are safe, and of which no two are one file where case or Unicode form does not count.

    Raises:
        InputError: as `safe_name`, or names both of a pair that clashes, or a file that is also a folder.
    """
    checked = tuple(safe_name(name) for name in names)
    seen: dict[str, str] = {}
    for name in checked:
        if (other := seen.get(_folded(name))) is not None:
            raise InputError(
                f"file names {other!r} and {name!r} are one file on some systems; rename one of them"
            )
        seen[_folded(name)] = name
    for name in checked:
        parts = _folded(name).split("/")
        above = next((one for end in range(1, len(parts)) if (one := "/".join(parts[:end])) in seen), None)
        if above is not None:
            raise InputError(
                f"{seen[above]!r} is a file, but {name!r} needs a folder of this name; rename one of them"
            )
    return checked


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _fault(name: str) -> str:
    if not name:
        return "is empty"
    if name.startswith(("/", "~")):
        return "is absolute, and would be written outside of its folder"
    if "\\" in name:
        return "holds a backslash, which leads elsewhere on Windows"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "is no text"
    if size > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} bytes"
    return next((fault for part in name.split("/") if (fault := _fault_of_part(part))), "")


def _fault_of_part(part: str) -> str:
    if part == "":
        return "has an empty part between slashes"
    if part in {".", ".."}:
        return f"has the part {part!r}, which leads elsewhere"
    if any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in part):
        return "holds a character that cannot be seen"
    if found := _FORBIDDEN.search(part):
        return f"holds {found[0]!r}, which Windows forbids"
    if found := _LOOKS_LIKE_ANOTHER.search(unicodedata.normalize("NFKC", part)):
        return f"holds a character that looks like {found[0]!r}"
    if part.endswith((".", " ")) or part.startswith(" "):
        return "has a part that begins with a space or ends with a dot or a space, which Windows drops"
    if _RESERVED.fullmatch(unicodedata.normalize("NFKC", part).partition(".")[0].rstrip(" ")):
        return "is the name of a device on Windows"
    if len(part.encode()) > LONGEST_PART:
        return f"has a part of more than {LONGEST_PART} bytes"
    return ""


_FORBIDDEN = re.compile(r'[<>:"|?*]')
_LOOKS_LIKE_ANOTHER = re.compile(r'[/\\<>:"|?*]|^\.\.?$')
_RESERVED = re.compile(r"con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9]", re.IGNORECASE)
