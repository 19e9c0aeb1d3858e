"""The Hub from processes of their own: several at once, killed ones, and the commands."""

import hashlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deepnoise.zoo import builtin_bundle
from deepnoise_registry.hub.server.faults import Fault
from deepnoise_registry.hub.server.local import LocalHub

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., Any]
"""Starts a command beside the test; what it returns has `pid`, `errors`, and `wait()` for code and text."""

SHIPPED = builtin_bundle("builtin:tiny")
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


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users reach too, which pytest's own they do not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def environment(hub: LocalHub, home: Path) -> dict[str, str]:
    return {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "HF_TOKEN": "hf_secret"}


def test_two_processes_pull_at_once(hub: LocalHub, tmp_path: Path, start_command: Start) -> None:
    hub.faults.add(Fault("slow", path="model.safetensors", method="GET", pause=0.01))
    outs, known = [tmp_path / "one", tmp_path / "two"], environment(hub, tmp_path / "home")
    both = [start_command("pull", "org/name@v1", "--to", out, environment=known) for out in outs]
    for process, out in zip(both, outs, strict=True):
        code, told = process.wait()
        assert code == 0, told
        assert (out / "model.safetensors").read_bytes() == WEIGHTS


def test_killed_pull_leaves_nothing_and_the_next_is_clean(
    hub: LocalHub, tmp_path: Path, start_command: Start, wait_until: Callable[..., None]
) -> None:
    hub.faults.add(Fault("slow", path="model.safetensors", method="GET", times=1, pause=1.0))
    words, known = ("pull", "org/name@v1", "--to", tmp_path / "out"), environment(hub, tmp_path / "home")
    process = start_command(*words, environment=known)
    wait_until(
        lambda: any("GET" in str(one) and "model.safetensors" in one.path for one in hub.requests), process
    )
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == (-signal.SIGKILL, process.errors.read_text())
    assert not list(tmp_path.glob("out*"))
    code, told = start_command(*words, environment=known).wait()
    assert code == 0, told
    assert "hf_secret" not in told
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == WEIGHTS


def test_refused_pull_is_one_line_and_exits_with_2(
    hub: LocalHub, tmp_path: Path, python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = python("-m", "deepnoise", "pull", "org/none", environment=environment(hub, tmp_path / "home"))
    assert done.returncode == 2
    assert done.stderr.startswith("deepnoise: org/none: there is no such repository at")
    assert done.stderr.count("\n") == 1


def test_full_disk_is_told_and_nothing_is_half_written(
    hub: LocalHub, tmp_path: Path, start_command: Start, tells_of: Callable[..., None]
) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    words, known = ("pull", "org/name@v1", "--to", out), environment(hub, home)
    code, told = start_command(*words, environment=known, largest_file=1 << 20).wait()
    assert code == 2, told
    assert told.startswith(
        f"deepnoise: {home / 'hub'} cannot be written: the disk or ulimit -f allows no file so"
    )
    assert told.endswith("; or set HF_HOME to another folder\n")
    assert told.count("\n") == 1
    assert not list(tmp_path.glob("out*"))
    assert not list(home.rglob("snapshots/*/model.safetensors"))
    assert start_command("pull", "org/name@v1", environment=known).wait()[0] == 0
    code, told = start_command(*words, environment=known, largest_file=1 << 20).wait()
    assert code == 2, told
    (*_, last) = told.splitlines()
    assert last.startswith(f"deepnoise: {out} cannot be written")
    tells_of("the disk takes no file so large", last, code)
    assert not list(tmp_path.glob("out*"))
    code, told = start_command(*words, environment=known).wait()
    assert code == 0, told


def test_cache_that_may_only_be_read_is_told_and_serves_what_it_has(
    hub: LocalHub, open_folder: Path, start_command: Start
) -> None:
    home, known = open_folder / "home", environment(hub, open_folder / "home")
    home.mkdir()
    nobody = 0 if os.getuid() else 65534  # of whom root's folders are read alone

    def pull_reading_alone() -> tuple[int, str]:
        folders = [home, *(one for one in home.rglob("*") if one.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        try:
            code, told = start_command("pull", "org/name@v1", environment=known, user=nobody).wait()
            return code, told
        finally:
            for folder in folders:
                folder.chmod(0o755)

    code, told = pull_reading_alone()
    assert code == 2, told
    assert told == (
        f"deepnoise: {home / 'hub'} cannot be written: Permission denied; or set HF_HOME to another folder\n"
    )
    assert list(home.iterdir()) == []
    assert start_command("pull", "org/name@v1", environment=known).wait()[0] == 0
    hub.requests.clear()
    code, told = pull_reading_alone()
    assert code == 0, told
    assert hub.requests == []


@pytest.fixture
def here(hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalHub:
    """The Hub for commands in this process."""
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    return hub


def test_models_are_listed(here: LocalHub, deepnoise: Run) -> None:
    card = b"---\nlibrary_name: deepnoise\ntags: [channels-6]\nlicense: mit\n---\n"
    here.site.page_size = 1
    for name in ("org/six", "org/seven", "other/six"):
        here.store.publish(name, {"README.md": card if "six" in name else card.replace(b"6", b"7")})
    found = json.loads(deepnoise("models", "--hub", "--channels", "6", "--json").stdout)
    assert [one["name"] for one in found] == ["hf-hub:org/six", "hf-hub:other/six"]
    found = json.loads(deepnoise("models", "--hub", "--author", "other", "--json").stdout)
    assert [one["name"] for one in found] == ["hf-hub:other/six"]
    assert deepnoise("pull", "org/name").returncode == 0
    found = json.loads(deepnoise("models", SHIPPED.parent, "--json").stdout)
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
    here: LocalHub, tmp_path: Path, deepnoise: Run, words: tuple[str, ...], told: str
) -> None:
    places = {"RUN": str(SHIPPED), "NONE": str(tmp_path / "none"), "DIR": str(tmp_path / "served")}
    # Only a dry run, since a push sets up the client of this process for one endpoint.
    more = ("--dry-run",) if words[0] == "push" else ()
    done = deepnoise(*(places.get(word, word) for word in words), *more)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
