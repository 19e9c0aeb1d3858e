"""Answers spoilt on purpose, so that tests see what a client makes of them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from deepnoise_registry.hub.server.answers import Answer, Refusal, Request

FaultKind = Literal["status", "drop", "truncate", "corrupt", "slow"]


@dataclass
class Fault:
    """What goes wrong with the requests of a path.

    Attributes:
        kind: `status` answers with an error; `drop` hangs up without an answer; `truncate` hangs up after half of
            the body; `corrupt` changes one byte of it, so that its length stays right; `slow` sends it in pieces.
        path: regular expression that is looked for in the path.
        method: regular expression that is the method.
        times: how many requests go wrong; all where None.
        status: of `status`.
        code: of `status`: `RepoNotFound`, `RevisionNotFound`, `EntryNotFound` or `GatedRepo`.
        message: of `status`.
        headers: of `status`, such as `Retry-After`.
        pause: seconds between the pieces of `slow`, of 64 kB each.
    """

    kind: FaultKind
    path: str = ""
    method: str = "GET|HEAD|POST|PUT|DELETE"
    times: int | None = None
    status: int = 503
    code: str = ""
    message: str = "spoilt on purpose"
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 0.05

    @property
    def refusal(self) -> Refusal:
        """The error that `status` answers with."""
        return Refusal(self.status, self.message, self.code, self.headers)

    def pieces(self, answer: Answer) -> Iterator[bytes]:
        """The body of an answer as it is sent; shorter than it should be with `truncate`."""
        left = answer.length // 2 if self.kind == "truncate" else answer.length
        for whole in answer.pieces():
            piece = whole[:left]
            left -= len(piece)
            if self.kind == "corrupt" and piece and not left:
                piece = piece[:-1] + bytes([piece[-1] ^ 1])
            if self.kind != "slow":
                yield piece
                continue
            for start in range(0, len(piece), 1 << 16):
                yield piece[start : start + (1 << 16)]
                time.sleep(self.pause)


class Faults:
    """The faults that are still to come, the first that fits first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """One more."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """No more of them."""
        with self._lock:
            self._waiting.clear()

    def due(self, request: Request) -> Fault | None:
        """The fault of this request, which counts as having happened."""
        with self._lock:
            for fault in self._waiting:
                fits = re.search(fault.path, request.path) and re.fullmatch(fault.method, request.method)
                if fits and fault.times != 0:
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault
        return None
