"""How long `deepnoise components` takes to start with 50 plugins installed, beside none.

Each plugin is a distribution of its own, laid out as pip would, with two components that have options. Run
`python benchmarks/plugins.py`; prints a table and writes `benchmarks/results/plugins.json`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import measured_on

RESULT = Path(__file__).parent / "results" / "plugins.json"
PLUGINS = 50
ROUNDS = 10
MOST = 2.0

SOURCE = """
from deepnoise_core.contracts import Component, Options, hookimpl

DEEPNOISE_API = "1.0"


class Width(Options):
    width: int = 64
    depth: int = 4
    dropout: float = 0.0


class Scale(Options):
    scale: float = 30.0
    margin: float = 0.1


@hookimpl
def deepnoise_backbones():
    return [Component("net-NUMBER", "A network.", "strange_NUMBER.net:build", Width, "doi:1")]


@hookimpl
def deepnoise_heads():
    return [Component("head-NUMBER", "A head.", "strange_NUMBER.head:build", Scale)]
"""


def lay_out(folder: Path) -> None:
    for number in range(PLUGINS):
        metadata = folder / f"strange_{number}-1.0.dist-info"
        metadata.mkdir()
        lines = ["Metadata-Version: 2.4", f"Name: strange-{number}", "Version: 1.0"]
        lines += ["Requires-Dist: deepnoise<1,>=0.1", "Requires-Dist: torch>=2.6", "", "A network.\n" * 100]
        (metadata / "METADATA").write_text("\n".join(lines))
        (metadata / "entry_points.txt").write_text(f"[deepnoise]\nstrange{number} = strange_{number}\n")
        package = folder / f"strange_{number}"
        package.mkdir()
        (package / "__init__.py").write_text(SOURCE.replace("NUMBER", str(number)))


def seconds(environment: dict[str, str], wanted: int) -> float:
    """Of one process, from its start to its end."""
    command = [sys.executable, "-m", "deepnoise", "components", "--json"]
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    took = time.perf_counter() - start
    found = sum(one["distribution"].startswith("strange-") for one in json.loads(done.stdout))
    if found != wanted:
        raise RuntimeError(f"{found} components of the {PLUGINS} plugins were listed instead of {wanted}")
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder))
        alone = dict(os.environ)
        beside = {**alone, "PYTHONPATH": folder}
        seconds(beside, 2 * PLUGINS)
        pairs = [(seconds(alone, 0), seconds(beside, 2 * PLUGINS)) for _ in range(ROUNDS)]
    without, with_all = (min(times) for times in zip(*pairs, strict=True))
    rows = [
        {"what": "deepnoise components, no other plugin, in s", "measured": round(without, 3), "must": "–"},
        {"what": f"the same with {PLUGINS} plugins, in s", "measured": round(with_all, 3), "must": "–"},
        {"what": "ratio", "measured": round(with_all / without, 2), "must": f"≤ {MOST:g}"},
    ]
    for row in rows:
        print(f"{row['what']:<50} {row['measured']:>8} {row['must']}")
    result = {
        "rows": rows,
        "passed": with_all / without <= MOST,
        **measured_on("deepnoise", "pluggy", "pydantic", "typer"),
    }
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
