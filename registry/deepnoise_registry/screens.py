"""Opening a path with the reader that recognises it, or with the one that is named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from deepnoise_core.contracts import Kind, Screen
from deepnoise_core.contracts.errors import DeepnoiseError, ScreenError
from deepnoise_core.contracts.protocols import Reader, RemoteReader
from deepnoise_core.data.paths import is_url
from deepnoise_registry.building import build
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.recipe import ComponentReference
from deepnoise_registry.third_party import blaming

Opener = TypeVar("Opener", bound=Reader)


def open_screen(place: Path | str, catalogue: Catalogue, reader: ComponentReference | None = None) -> Screen:
    """The screen at a path or behind a URL.

    Args:
        place: a folder of plates, or what else an installed reader knows; a string with `://` is a URL.
        catalogue: where readers are found.
        reader: which reader opens it; the only one that recognises the path where None.

    Raises:
        ScreenError: the path does not exist, its metadata are malformed, several readers recognise it, or none
            does; then it says what each of them missed.
    """
    if isinstance(place, str) and is_url(place):
        return _open_url(place, catalogue, reader)
    path = Path(place)
    if not path.exists():
        raise ScreenError(f"{path} does not exist; give the folder of a screen")
    path = path.resolve()
    opener: Reader = build(catalogue, Kind.READER, reader) if reader else _recognising(path, catalogue)
    return opener.open(path)


def recognising_readers(path: Path, catalogue: Catalogue) -> tuple[str, ...]:
    """Names of the installed readers that recognise a path; one that fails to look does not."""
    return tuple(_look(path, catalogue)[0])


def _open_url(url: str, catalogue: Catalogue, reader: ComponentReference | None) -> Screen:
    names = (
        [reader]
        if reader
        else [ComponentReference(name=catalogue.canonical_name(offer)) for offer in catalogue.offers(Kind.READER)]
    )
    able: dict[str, RemoteReader] = {}
    for reference in names:
        opener = build(catalogue, Kind.READER, reference)
        if isinstance(opener, RemoteReader):
            with blaming(f"reader {reference.name} failed to look at {url}"):
                recognised = reader is not None or opener.recognises_url(url)
            if recognised:
                able[reference.name] = opener
    if not able:
        raise ScreenError(f"{url}: no reader that could be asked opens URLs; give a folder, or the URL of a pack")
    return _only(able, url).open_url(url)


def _recognising(path: Path, catalogue: Catalogue) -> Reader:
    able, refusals = _look(path, catalogue)
    if not able:
        missed = "".join(f"\n  {refusal}" for refusal in refusals) or " no reader of screens is installed"
        raise ScreenError(f"{path} is no screen:{missed}")
    return _only(able, path)


def _look(path: Path, catalogue: Catalogue) -> tuple[dict[str, Reader], list[str]]:
    """The readers that recognise a path, and what each of the others missed."""
    able: dict[str, Reader] = {}
    refusals: list[str] = []
    for name in (catalogue.canonical_name(offer) for offer in catalogue.offers(Kind.READER)):
        try:
            reader: Reader = build(catalogue, Kind.READER, ComponentReference(name=name))
            with blaming("it failed to look at the path"):
                recognised = reader.recognises(path)
        except DeepnoiseError as error:
            refusals.append(f"reader {name}: {error}")
            continue
        if recognised:
            able[name] = reader
        else:
            refusals.append(f"reader {name}: {_missed(reader, path)}")
    return able, refusals


def _only(able: Mapping[str, Opener], place: Path | str) -> Opener:
    if len(able) > 1:
        raise ScreenError(
            f"{place} is recognised by several readers ({', '.join(able)}); name one with reader=NAME"
        )
    return next(iter(able.values()))


def _missed(reader: Reader, path: Path) -> str:
    """What a reader lacks in a path that it does not recognise, in its own words where it has any."""
    try:
        with blaming("it failed to open the path"):
            reader.open(path)
    except DeepnoiseError as error:
        return str(error.__cause__ if isinstance(error.__cause__, ScreenError) else error)
    return "it does not recognise the path"
