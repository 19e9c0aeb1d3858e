"""Packs are recognised as folders, and opened from a real HTTP server with range requests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from deepnoise_core.contracts import Measure
from deepnoise_core.contracts.errors import ImageError, ScreenError
from deepnoise_core.data.packs import PackOptions, pack_screen
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.testing.screens import random_screen
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover
from deepnoise_registry.recipes.recipe import ComponentReference
from deepnoise_registry.screens import open_screen

CATALOGUE = Catalogue(discover())


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The URL of a server of the folder's files, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            file = folder / self.path.lstrip("/")
            content = file.read_bytes() if file.is_file() else None
            if content is None:
                self.answer(404, b"")
            elif wanted := self.headers.get("Range"):
                first, last = wanted.removeprefix("bytes=").split("-")
                start = len(content) - int(last) if not first else int(first)
                stop = int(last) + 1 if first and last else len(content)
                self.answer(206, content[start:stop], f"bytes {start}-{stop - 1}/{len(content)}")
            else:
                self.answer(200, content)

        def answer(self, status: int, content: bytes, content_range: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if content_range:
                self.send_header("Content-Range", content_range)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_a_folder_is_recognised(tmp_path: Path) -> None:
    pack_screen(random_screen(), tmp_path / "pack")
    opened = open_screen(tmp_path / "pack", CATALOGUE)
    assert (opened.reader, len(opened)) == ("pack", 32)


@pytest.mark.parametrize("codec", ["zstd", "none"])
def test_a_url_is_opened_and_only_what_is_needed_is_fetched(tmp_path: Path, codec: str) -> None:
    screen = random_screen()
    pack_screen(screen, tmp_path / "pack", PackOptions.model_validate({"codec": codec, "shard_sites": 8}))
    with served(tmp_path) as (url, asked):
        opened = open_screen(f"{url}/pack", CATALOGUE)
        rows = np.array([9, 31])
        assert np.array_equal(opened.store.read(rows), screen.store.read(rows))
        assert opened.source == f"{url}/pack"
        histograms = site_statistics(opened, measures=(Measure.HISTOGRAMS,)).histograms
        assert histograms is not None
        assert histograms.pooled(rows).sum() == 2 * 3 * 16 * 16
    assert {path for path in asked if "/c/" in path} == {f"/pack/images/c/{shard}/0/0/0" for shard in (1, 3)}
    assert {path for path in asked if "statistics" in path} == {
        f"/pack/statistics/{shard:05}.safetensors" for shard in (1, 3)
    }


def test_a_lost_shard_behind_a_url_is_no_black_image(tmp_path: Path) -> None:
    pack_screen(random_screen(), tmp_path / "pack", PackOptions(shard_sites=8))
    (tmp_path / "pack" / "images" / "c" / "1" / "0" / "0" / "0").unlink()
    with served(tmp_path) as (url, _):
        opened = open_screen(f"{url}/pack", CATALOGUE)
        with pytest.raises(ImageError, match=r"site E0_2_B02_1 .*missing"):
            opened.store.read(np.array([2, 8]))


def test_a_url_without_a_pack_is_one_clear_error(tmp_path: Path) -> None:
    with served(tmp_path) as (url, _), pytest.raises(ScreenError, match=r"manifest\.json: not found"):
        open_screen(f"{url}/nothing", CATALOGUE)
    with pytest.raises(ScreenError, match="cannot be read"):
        open_screen("nonsense://bucket/pack", CATALOGUE)


def test_a_url_cannot_be_opened_by_a_reader_of_folders() -> None:
    with pytest.raises(ScreenError, match="no reader that could be asked opens URLs"):
        open_screen("http://127.0.0.1:9/pack", CATALOGUE, ComponentReference(name="rxrx1"))
