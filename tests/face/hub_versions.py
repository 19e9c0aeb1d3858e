"""Push, list, pull, verify and predict with several versions of the Hub's client, for `make test-hub-versions`.

Each client, with the libraries that it needs, goes into a folder of its own, which comes first on the path of the
processes that use it; everything else is that of this environment.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deepnoise_registry.hub.server.local import LocalHub

VERSIONS = {"0.36": "huggingface-hub==0.36.*", "1": "huggingface-hub>=1,<2", "newest": "huggingface-hub>=2,<3"}
SAYS_VERSION = "import huggingface_hub; print(huggingface_hub.__version__)"


def main(clients: Path) -> None:
    """Train a tiny model, then send it around by each client."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        quiet = {"OMP_NUM_THREADS": "1", "COLUMNS": "200", "HF_HUB_DISABLE_TELEMETRY": "1"}
        quiet |= {"HF_HUB_DISABLE_UPDATE_CHECK": "1", "HF_TOKEN": "hf_dummy"}
        screen, run = work / "screen", work / "run"
        deepnoise(quiet, "simulate", screen, "--preset", "tiny")
        deepnoise(quiet, "train", "tiny", "--screen", screen, "--out", run, "--device", "cpu")
        for version, requirement in VERSIONS.items():
            folder = clients / version
            if not folder.is_dir():
                pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
                subprocess.run([sys.executable, *pip, "--target", folder, requirement], check=True)
            around = work / version
            with LocalHub(around / "hub") as hub:
                environment = {**quiet, "PYTHONPATH": str(folder), "HF_HOME": str(around / "home")}
                round_trip(hub, run, screen, around, {**environment, "HF_ENDPOINT": hub.endpoint})


def round_trip(hub: LocalHub, run: Path, screen: Path, around: Path, environment: dict[str, str]) -> None:
    """One client's way from a run to predictions by the pulled bundle."""
    found = python(environment, "-c", SAYS_VERSION).strip()
    push = ("push", run, "org/tiny", "--tag", "v1", "--license", "mit")
    deepnoise(environment, *push)
    commits = len(hub.store.history("org/tiny", "main"))
    deepnoise(environment, *push)
    assert len(hub.store.history("org/tiny", "main")) == commits, "an unchanged push made a commit"
    assert "org/tiny" in deepnoise(environment, "models", "--hub", "--json")
    pulled = around / "pulled"
    deepnoise(environment, "pull", "org/tiny@v1", "--to", pulled)
    files = {file.name: file.read_bytes() for file in pulled.iterdir()}
    assert files == {file.name: file.read_bytes() for file in (run / "bundle").iterdir() if file.name in files}
    assert {"manifest.json", "model.safetensors", "recipe.yaml"} <= set(files)
    deepnoise(environment, "verify", pulled)
    hub.requests.clear()
    predict = ("--screen", screen, "--device", "cpu", "--out")
    deepnoise(environment, "predict", "hf-hub:org/tiny@v1", *predict, around / "remote")
    assert not hub.requests, "a pinned model was asked for again"
    deepnoise(environment, "predict", run, *predict, around / "local")
    tables = [(around / one / "scores.safetensors").read_bytes() for one in ("remote", "local")]
    assert tables[0] == tables[1]
    sys.stdout.write(f"huggingface_hub {found}: {len(files)} files, equal bytes, no request when pinned\n")
    sys.stdout.flush()


def deepnoise(environment: dict[str, str], *words: object) -> str:
    """A command's standard output; fails where the command does."""
    return python(environment, "-m", "deepnoise", *words)


def python(environment: dict[str, str], *words: object) -> str:
    """What a process of its own prints."""
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
