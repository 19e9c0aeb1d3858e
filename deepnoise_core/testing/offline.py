"""No network: what would connect to a host fails with a word on it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def offline() -> Iterator[None]:
    """Within the block, looking up a host or connecting to one is an AssertionError; other sockets work."""

    def lookup(host: Any, *_: Any, **__: Any) -> Any:
        raise AssertionError(f"the network is used: a lookup of {host!r}")

    def connect(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise AssertionError(f"the network is used: a connection to {address!r}")
        return plainly(self, address)

    plainly = socket.socket.connect
    with patch("socket.getaddrinfo", lookup), patch("socket.socket.connect", connect):
        yield
