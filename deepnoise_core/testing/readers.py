"""Laws of readers; what a reader makes of its own layout is for its own tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.contracts.protocols import Reader
from deepnoise_core.testing.laws import require

Make = Callable[[], Reader]


def nothing_is_not_recognised(make: Make) -> None:
    """An empty folder, a file, a binary file and an absent path are not recognised, without an error."""
    with TemporaryDirectory() as folder:
        for path in _strange_paths(Path(folder)):
            require(make().recognises(path) is False, f"{path.name} is recognised")


def nothing_opens_with_one_clear_error(make: Make) -> None:
    """Opening what is no screen is an InputError that names the path."""
    with TemporaryDirectory() as folder:
        for path in _strange_paths(Path(folder)):
            try:
                make().open(path)
            except InputError as error:
                require(str(path) in str(error), f"the error does not name the path: {error}")
            else:
                raise AssertionError(f"{path.name} opens as a screen")


def looking_changes_nothing(make: Make) -> None:
    """Recognising writes nothing to the folder."""
    with TemporaryDirectory() as folder:
        make().recognises(Path(folder))
        require(not list(Path(folder).iterdir()), "recognising leaves files behind")


BASIC = (
    nothing_is_not_recognised,
    nothing_opens_with_one_clear_error,
    looking_changes_nothing,
)

LAWS = (*BASIC,)


def _strange_paths(folder: Path) -> list[Path]:
    empty, file, binary = folder / "empty", folder / "file.csv", folder / "binary.png"
    empty.mkdir()
    file.write_text("a,b\n1,2\n")
    binary.write_bytes(bytes(range(256)))
    return [empty, file, binary, folder / "absent"]
