"""Child processes with all imports done, and signals that reach them at some moment.

They are forked from a process that has imported everything and done nothing, since libraries with threads of
their own do not survive a fork once these run. That process is this file, run as a program.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self


class Forks:
    """Starts functions of `surviving.work` in processes of their own.

    Attributes:
        log: what the last of them printed.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.terminate()
        self._server.wait()

    def start(self, function: str, *arguments: object) -> int:
        """A process that calls a function; its id."""
        return self._order({"function": function, "arguments": [*map(str, arguments)], "log": str(self.log)})

    def end(self, process: int) -> int:
        """The exit code of a process, negative where a signal ended it."""
        return self._order({"wait": process})

    def stopped(self, process: int, number: signal.Signals, after: float) -> int:
        """Send a signal after some seconds, which hits nothing if it has ended; its exit code."""
        time.sleep(after)
        os.kill(process, number)
        return self.end(process)

    def seconds(self, function: str, *arguments: object) -> float:
        """How long a call takes that nobody stops."""
        began = time.monotonic()
        code = self.end(self.start(function, *arguments))
        assert code == 0, self.log.read_text()
        return time.monotonic() - began

    def _order(self, order: dict[str, object]) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


def obey() -> None:
    """Read orders, and fork for each."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from surviving import work

    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        else:
            answer = os.fork()
            if not answer:
                become(order, work)
        print(answer, flush=True)


def become(order: dict[str, object], work: object) -> None:
    """Be the process of an order, and end as a program would."""
    code = 70
    try:
        os.setsid()
        handle = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        getattr(work, str(order["function"]))(*order["arguments"])  # type: ignore[misc]
        code = 0
    except KeyboardInterrupt:
        code = 130
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:  # noqa: BLE001 - a process ends here, whatever happened
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    obey()
