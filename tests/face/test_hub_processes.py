"""The Hub from processes of their own: several at once, killed ones, and the commands."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deepnoise_registry.hub.server.faults import Fault
from deepnoise_registry.hub.server.local import LocalHub

Run = Callable[..., subprocess.CompletedProcess[str]]
WEIGHTS = hashlib.shake_256(b"weights").digest(3 << 20)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    """A local Hub with a bundle of 3 MB that can be pulled, though not loaded."""
    files = {"model.safetensors": WEIGHTS, "recipe.yaml": b"name: tiny\n"}
    about = {"format": "1.1", "name": "tiny", "classes": ["a"], "channels": ["nuclei"], "image_shape": [8, 8]}
    manifest = {
        **about,
        "groups": [],
        "exclusive": False,
        "cyclic": False,
        "training": {},
        "requires": [],
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    with LocalHub(tmp_path / "store") as served:
        served.store.publish("org/name", {**files, "manifest.json": json.dumps(manifest).encode()}, tag="v1")
        yield served


def started(hub: LocalHub, home: Path, *words: object) -> subprocess.Popen[str]:
    """A command that runs beside this test."""
    environment = {**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "HF_TOKEN": "hf_secret"}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1", "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, "-m", "deepnoise", *map(str, words)]
    return subprocess.Popen(
        arguments,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_two_processes_pull_at_once(hub: LocalHub, tmp_path: Path) -> None:
    hub.faults.add(Fault("slow", path="model.safetensors", method="GET", pause=0.01))
    outs = [tmp_path / "one", tmp_path / "two"]
    both = [started(hub, tmp_path / "home", "pull", "org/name@v1", "--to", out) for out in outs]
    for process, out in zip(both, outs, strict=True):
        _, told = process.communicate(timeout=100)
        assert process.returncode == 0, told
        assert (out / "model.safetensors").read_bytes() == WEIGHTS


def test_killed_pull_leaves_nothing_and_the_next_is_clean(hub: LocalHub, tmp_path: Path) -> None:
    hub.faults.add(Fault("slow", path="model.safetensors", method="GET", times=1, pause=1.0))
    process = started(hub, tmp_path / "home", "pull", "org/name@v1", "--to", tmp_path / "out")
    until = time.monotonic() + 60
    while not any("GET" in str(one) and "model.safetensors" in one.path for one in hub.requests):
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not list(tmp_path.glob("out*"))
    again = started(hub, tmp_path / "home", "pull", "org/name@v1", "--to", tmp_path / "out")
    _, told = again.communicate(timeout=100)
    assert again.returncode == 0, told
    assert "hf_secret" not in told
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == WEIGHTS


def test_refused_pull_is_one_line_and_exits_with_2(hub: LocalHub, tmp_path: Path) -> None:
    process = started(hub, tmp_path / "home", "pull", "org/none")
    _, told = process.communicate(timeout=100)
    assert process.returncode == 2
    assert told.startswith("deepnoise: org/none: there is no such repository at")
    assert told.count("\n") == 1


@pytest.fixture
def here(hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalHub:
    """The Hub for commands in this process."""
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    return hub


def test_models_are_listed(here: LocalHub, deepnoise: Run, tiny_run: Path) -> None:
    card = b"---\nlibrary_name: deepnoise\ntags: [channels-6]\nlicense: mit\n---\n"
    here.site.page_size = 1
    for name in ("org/six", "org/seven", "other/six"):
        here.store.publish(name, {"README.md": card if "six" in name else card.replace(b"6", b"7")})
    found = json.loads(deepnoise("models", "--hub", "--channels", "6", "--json").stdout)
    assert [one["name"] for one in found] == ["hf-hub:org/six", "hf-hub:other/six"]
    found = json.loads(deepnoise("models", "--hub", "--author", "other", "--json").stdout)
    assert [one["name"] for one in found] == ["hf-hub:other/six"]
    assert deepnoise("pull", "org/name").returncode == 0
    found = json.loads(deepnoise("models", tiny_run, "--json").stdout)
    assert [one["where"] for one in found] == ["folder", "cache"]
    shown = deepnoise("model", "show", "hf-hub:org/name")
    assert "channels, by name: nuclei" in shown.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("push", "RUN", "org/x"), "no licence is known; say --license"),
        (("push", "RUN", "org/x@v1", "--license", "mit"), "a push goes to org/name; name its state by --tag v1"),
        (("push", "RUN", "org", "--license", "mit"), "is called org/name"),
        (
            ("push", "RUN", "org/x", "--license", "mit", "--tag", "a b"),
            "after @ stands a branch, a tag or a commit",
        ),
        (("push", "NONE", "org/x", "--license", "mit"), "does not verify, so it is not pushed: manifest"),
        (("predict", "org/name", "--screen", "s", "--out", "o"), "on the Hub it would be hf-hub:org/name"),
        (("model", "show", "nowhere"), "there is no such run or bundle"),
        (("models", "nowhere"), "there is no such folder; name one with runs or bundles"),
        (("hub", "serve", "DIR", "--port", "99999"), "cannot be served"),
    ],
)
def test_wrong_use_is_told(
    here: LocalHub, tmp_path: Path, deepnoise: Run, tiny_run: Path, words: tuple[str, ...], told: str
) -> None:
    places = {"RUN": str(tiny_run), "NONE": str(tmp_path / "none"), "DIR": str(tmp_path / "served")}
    # Only a dry run, since a push sets up the client of this process for one endpoint.
    more = ("--dry-run",) if words[0] == "push" else ()
    done = deepnoise(*(places.get(word, word) for word in words), *more)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
