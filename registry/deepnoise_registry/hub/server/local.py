"""The local Hub on its wire: HTTP on the loopback address alone, and a log of what was asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from deepnoise_core.contracts.errors import InputError
from deepnoise_registry.hub.server.answers import CHUNK, Answer, Refusal, Request
from deepnoise_registry.hub.server.downloading import Shape
from deepnoise_registry.hub.server.faults import Fault, Faults
from deepnoise_registry.hub.server.routes import Site
from deepnoise_registry.hub.server.store import Store

ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Asked:
    """One request in the log. No token is kept, only whether one came."""

    method: str
    path: str
    status: int
    host: str
    authorized: bool
    range: str

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"


class LocalHub:
    """A Hub that serves a folder from this computer to itself.

    ```
    with LocalHub(folder) as hub:
        hub.store.publish("org/name", {"config.json": b"{}"})
        hub.faults.add(Fault("status", path="/resolve/", status=503, times=1))
        ...  # a client with HF_ENDPOINT=hub.endpoint
        assert [asked.method for asked in hub.requests] == ["HEAD", "HEAD", "GET"]
    ```

    Args:
        folder: what it keeps, from one start to the next; made where it is missing.
        port: 0 takes a free one.
        tokens: who may read private repositories and write; anybody writes where None.
        shape: how files are answered: `direct`, `weak`, `relative` or `host`.
        page_size: items on a page of a list.

    Raises:
        InputError: the port is taken.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        tokens: frozenset[str] | None = None,
        shape: Shape = "direct",
        page_size: int = 1000,
    ) -> None:
        self.site = Site(Store(folder), tokens, shape, page_size)
        self.requests: list[Asked] = []
        try:
            self._server = _Server((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            raise InputError(
                f"port {port} of {ADDRESS} cannot be served: {error}; name another by --port"
            ) from error
        self._server.hub = self

    @property
    def endpoint(self) -> str:
        """What `HF_ENDPOINT` must be for clients to come here."""
        return f"http://{ADDRESS}:{self._server.server_address[1]}"

    @property
    def store(self) -> Store:
        """What it keeps."""
        return self.site.store

    @property
    def faults(self) -> Faults:
        """What is to go wrong."""
        return self.site.faults

    def serve(self) -> None:
        """Answer until the process is interrupted."""
        try:
            self._server.serve_forever(poll_interval=0.1)
        finally:
            self._server.server_close()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer no more; what is stored stays."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: LocalHub

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Hang up also where a client waits for a further answer."""
        super().server_close()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client that went away is no fault of the server."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        request = self._request()
        fault = self.server.hub.faults.due(request)
        if not self._is_for_us():
            answer = Refusal(403, "this Hub answers its own computer alone").answer
        elif fault is not None and fault.kind == "status":
            answer = fault.refusal.answer
        else:
            answer = self.server.hub.site.answer(request)
        self._read_rest()
        self.server.hub.requests.append(
            Asked(
                self.command,
                self.path,
                0 if fault is not None and fault.kind == "drop" else answer.status,
                self.headers.get("Host", ""),
                "Authorization" in self.headers,
                self.headers.get("Range", ""),
            )
        )
        self._send(answer, fault)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - as above

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Nothing on the terminal: the log is `requests`."""

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        self._body = self._pieces()
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(
            self.command, parts.path, parse_qs(parts.query), headers, self.server.hub.endpoint, lambda: self._body
        )

    def _is_for_us(self) -> bool:
        """Whether the client meant this server by name, which a page in a browser that was sent here did not."""
        return self.headers.get("Host", "").partition(":")[0] in {ADDRESS, "localhost"}

    def _pieces(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while size := int(self.rfile.readline().split(b";")[0].strip() or b"0", 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (piece := self.rfile.read(min(CHUNK, left))):
            left -= len(piece)
            yield piece

    def _read_rest(self) -> None:
        """Take what nobody read of the body, or the next request on this connection would begin with it."""
        for _ in self._body:
            pass

    def _send(self, answer: Answer, fault: Fault | None) -> None:
        if fault is not None and fault.kind == "drop":
            self._hang_up()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(answer.length))
        self.end_headers()
        if self.command == "HEAD":
            return
        try:
            for piece in fault.pieces(answer) if fault is not None else answer.pieces():
                self.wfile.write(piece)
        except OSError:  # the client went away, which is its right
            self.close_connection = True
        if fault is not None and fault.kind == "truncate":
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
