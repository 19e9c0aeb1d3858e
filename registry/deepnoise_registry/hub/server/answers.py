"""What is asked of the local Hub, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHUNK = 1 << 20
LARGEST_JSON = 64 << 20


@dataclass
class Request:
    """One request, its body unread.

    Attributes:
        method: `GET`, `HEAD`, `POST`, `PUT` or `DELETE`.
        path: decoded nowhere, without the query.
        query: every value of each key.
        headers: by names in lower case.
        endpoint: `http://127.0.0.1:PORT`, for addresses in answers.
        body: the bytes in pieces, once.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    endpoint: str
    body: Callable[[], Iterator[bytes]]

    @property
    def token(self) -> str:
        """The token that came along; empty without one."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""

    def first(self, key: str, default: str = "") -> str:
        """The first value of a key of the query."""
        return self.query.get(key, [default])[0]

    def text(self) -> str:
        """The body as text.

        Raises:
            Refusal: it is too long or no UTF-8.
        """
        read = bytearray()
        for piece in self.body():
            read += piece
            if len(read) > LARGEST_JSON:
                raise Refusal(413, "the body is too large")
        try:
            return read.decode()
        except UnicodeDecodeError as error:
            raise Refusal(400, "the body is no UTF-8") from error

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            Refusal: it is none.
        """
        return json_object(self.text())


def json_object(text: str) -> dict[str, Any]:
    """A JSON object in a request.

    Raises:
        Refusal: the text is none.
    """
    try:
        read = json.loads(text or "{}")
    except ValueError as error:
        raise Refusal(400, "the body is no JSON") from error
    if not isinstance(read, dict):
        raise Refusal(400, "the body is no JSON object")
    return read


@dataclass(frozen=True)
class Answer:
    """Status, headers and body; of a file, the bytes from `start` up to `stop`."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Path = b""
    start: int = 0
    stop: int | None = None

    @property
    def length(self) -> int:
        """Bytes of the body."""
        whole = self.body.stat().st_size if isinstance(self.body, Path) else len(self.body)
        return (whole if self.stop is None else self.stop) - self.start

    def pieces(self) -> Iterator[bytes]:
        """The body, a piece at a time."""
        if isinstance(self.body, bytes):
            yield self.body[self.start : self.stop]
            return
        left = self.length
        with self.body.open("rb") as file:
            file.seek(self.start)
            while left > 0 and (piece := file.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece


class Refusal(Exception):  # noqa: N818 - an answer like any other, not a defect
    """An answer that is an error: the client reads code and message from headers, never from the body."""

    def __init__(
        self, status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, dict(headers or {})

    @property
    def answer(self) -> Answer:
        """As it is sent."""
        said = {"X-Error-Message": self.message.encode("ascii", "replace").decode(), **self.headers}
        if self.code:
            said["X-Error-Code"] = self.code
        return json_answer({"error": self.message}, self.status, said)


def json_answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Data as JSON."""
    return Answer(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(data).encode())


def page(request: Request, items: list[Any], size: int) -> Answer:
    """One page of a list; the next is named in the header `Link`, as the Hub does."""
    begin = int(request.first("cursor", "0")) if request.first("cursor", "0").isdigit() else 0
    limit = request.first("limit")
    size = min(size, int(limit)) if limit.isdigit() and int(limit) else size
    headers = {}
    if begin + size < len(items):
        kept = [f"{key}={value}" for key, values in request.query.items() if key != "cursor" for value in values]
        address = f"{request.endpoint}{request.path}?{'&'.join([*kept, f'cursor={begin + size}'])}"
        headers["Link"] = f'<{address}>; rel="next"'
    return json_answer(items[begin : begin + size], headers=headers)
