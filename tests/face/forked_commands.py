"""Commands in processes of their own, forked from one with most imports done.

Run as a program it reads orders, a line of JSON each, and answers `start` with a process id, `wait` with an exit
code, negative where a signal ended it. A command may be of another `user`, write no file above `largest_file`, or
take no notice of SIGHUP as under nohup.
"""

import json
import os
import resource
import signal
import sys
from importlib import import_module
from typing import Any

NEEDED = (
    "deepnoise.cli",
    "deepnoise.console",
    "deepnoise_registry.hub.client",
    "encodings.idna",
    "huggingface_hub.file_download",
    "rich.table",
)

NEEDED_TO = {
    "train": ("accelerate", "deepnoise.series", "deepnoise.training", "timm"),
    "sweep": ("accelerate", "deepnoise.sweeps.sweep", "timm"),
    "embed": ("deepnoise.embedding", "timm"),
    "predict": ("deepnoise.ensembles", "deepnoise.prediction", "timm"),
}
"""More that some commands need, imported when the first of them is started."""


def obey() -> None:
    """Read orders until there are no more."""
    for name in NEEDED:
        import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            for name in NEEDED_TO.get(order["start"][0], ()):
                import_module(name)
            answer = os.fork()
            if not answer:
                become(order)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def become(order: dict[str, Any]) -> None:
    """Be the command of an order, and end."""
    code = 70  # as of a defect, which leaves its traceback
    try:
        os.setsid()
        # A terminal is that of the process only where it is opened to be read too.
        os.dup2(os.open(order["errors"], os.O_RDWR), 2)
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.environ.update(order["environment"])
        if order["nohup"]:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if order["largest_file"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"], resource.RLIM_INFINITY))
        if order["user"]:
            os.setgid(order["user"])
            os.setuid(order["user"])
        code = import_module("deepnoise.cli").main(order["start"])
    except BaseException:  # noqa: BLE001 - a process ends here, whatever happened
        sys.excepthook(*sys.exc_info())
    try:
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    obey()
