"""The laws of one component in a process of its own, so that whoever asks outlives a crash and a hang.

`python -m deepnoise_core.testing.child` reads one JSON object on standard input (`plugin`, `kind`, `component`,
`level`, `options`), and writes JSON lines on standard output: before each law `{"law", "options"}`, and after it
the same with `passed`, `what` and `seconds`. What the plugin prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, TextIO

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.testing.cases import Case, cases_of
from deepnoise_core.testing.plugins import plugin_named


def run_laws(request: dict[str, Any], out: TextIO) -> None:
    """Run the laws that a request asks for, one after another; what breaks one does not stop the next.

    A line `{"refused": message}` alone says that nothing could be run.
    """
    try:
        name = request["component"]
        options = {name: request["options"]} if request["options"] else {}
        cases = cases_of(plugin_named(request["plugin"]), request["level"], options, [name])
    except InputError as error:
        _tell(out, refused=str(error))
        return
    for case in cases:
        if case.kind == request["kind"]:
            _tell(out, law=case.law, options=case.options)
            _tell(out, law=case.law, options=case.options, **_outcome(case))


def _outcome(case: Case) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        what, passed = case.run_offline() or "", True
    except AssertionError as error:
        what, passed = str(error), False
    except BaseException as error:  # noqa: BLE001, whatever a plugin raises, SystemExit too, is its outcome
        what, passed = f"{type(error).__name__}: {error}", False
    return {"passed": passed, "what": what, "seconds": round(time.perf_counter() - start, 3)}


def _tell(out: TextIO, **line: Any) -> None:
    print(json.dumps(line), file=out, flush=True)


def _main() -> None:
    request = json.load(sys.stdin)
    # Even what a library in C prints must not mix with the lines.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run_laws(request, out)


if __name__ == "__main__":
    _main()
