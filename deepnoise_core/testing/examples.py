"""A reader together with the example of its layout, and those of other readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from deepnoise_core.contracts import Component, Kind
from deepnoise_core.contracts.protocols import Reader
from deepnoise_core.testing.laws import require
from deepnoise_core.testing.plugins import installed, resolve


@dataclass(frozen=True)
class ReaderMaker:
    """What the laws of readers are given; calling it makes the reader.

    Attributes:
        make: makes the reader.
        example: `Component.example`; empty where the component has none.
        others: name of another reader → its example.
        unknown: plugins whose examples cannot be had, and why.
    """

    make: Callable[[], Reader]
    example: str = ""
    others: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def __call__(self) -> Reader:
        """A new reader."""
        return self.make()

    @contextmanager
    def written(self, name: str = "screen", example: str = "") -> Iterator[Path]:
        """An example, this reader's own unless given, written to a folder of this name: the path to open."""
        require(example or self.example, "no example of the layout is given: Component.example is empty")
        with TemporaryDirectory() as parent:
            folder = Path(parent).resolve() / name
            folder.mkdir()
            path = resolve(example or self.example)(folder)
            is_below = isinstance(path, Path) and path.exists() and path.resolve().is_relative_to(folder)
            require(is_below, f"the example returns {path!r}, which is no path in the folder that it was given")
            yield path


def reader_maker(component: Component, make: Callable[[], Reader]) -> ReaderMaker:
    """The maker of a component, beside the examples of all other readers that are installed."""
    others: dict[str, str] = {}
    unknown = []
    for plugin in installed():
        try:
            offered = plugin.components
        except Exception as error:  # noqa: BLE001, another's plugin may fail in any way; this one is not to blame
            unknown.append(f"plugin {plugin.name!r} does not load ({type(error).__name__})")
            continue
        others |= {
            f"{plugin.name}/{other.name}": other.example
            for kind, other in offered
            if kind is Kind.READER and other.example and other.factory != component.factory
        }
    return ReaderMaker(make, component.example, others, tuple(unknown))
