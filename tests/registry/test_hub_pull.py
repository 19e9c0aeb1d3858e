"""Pulling from a local Hub by the real client: what arrives, what is asked, and what every fault is told as."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.testing.notes import Notes
from deepnoise_registry.hub import repository
from deepnoise_registry.hub.client import fetch
from deepnoise_registry.hub.reference import parse_reference
from deepnoise_registry.hub.server.downloading import Shape
from deepnoise_registry.hub.server.faults import Fault, FaultKind
from deepnoise_registry.hub.server.local import LocalHub

TOKEN = "hf_" + "abcdefghijklmnopqrstuvwxyz"
WEIGHTS = bytes(range(256)) * 64


def bundle_files(weights: bytes = WEIGHTS, **more: Any) -> dict[str, bytes]:
    """What a published bundle's repository holds, of weights that nobody loads here."""
    files = {"model.safetensors": weights, "recipe.yaml": b"name: tiny\n"}
    manifest = {
        "format": "1.1",
        "name": "tiny",
        "classes": ["a", "b"],
        "channels": ["nuclei", "actin"],
        "image_shape": [8, 8],
        "groups": [],
        "exclusive": False,
        "cyclic": False,
        "training": {},
        "requires": [],
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    manifest.update(more)
    return {**files, "manifest.json": json.dumps(manifest).encode(), "README.md": b"# card", "notes.txt": b"no"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """A local Hub with one bundle, tagged v1; the client's cache is a folder of the test."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client's own pauses, and ours
    with LocalHub(tmp_path / "store") as served:
        monkeypatch.setenv("HF_ENDPOINT", served.endpoint)
        served.store.publish("org/name", bundle_files(), tag="v1")
        yield served


def refusal(reference: str = "org/name", **options: Any) -> str:
    """The one line that a pull is refused with; no token is in it."""
    notes = Notes()
    with pytest.raises(InputError) as raised:
        fetch(reference, observer=notes, **options)
    told = str(raised.value)
    assert "\n" not in told
    assert TOKEN not in f"{told}{notes.told}"
    return told


def asked(hub: LocalHub) -> list[str]:
    """The requests since the last time, and none of them any more."""
    log = [str(one) for one in hub.requests]
    hub.requests.clear()
    return log


def blob_of(home: Path, data: bytes) -> Path:
    (found,) = [one for one in home.rglob("blobs/*") if one.read_bytes() == data]
    return found


def test_pull_asks_for_the_manifest_then_for_its_files_alone(hub: LocalHub, tmp_path: Path) -> None:
    folder = fetch("hf-hub:org/name@v1")
    assert {one.name for one in folder.iterdir()} == {"manifest.json", "model.safetensors", "recipe.yaml"}
    files = [line.split()[1].rpartition("/")[2] for line in asked(hub) if "/resolve/" in line]
    assert files == ["manifest.json"] * 2 + ["model.safetensors"] * 2 + ["recipe.yaml"] * 2


def test_second_pull_of_a_reference_asks_nobody(hub: LocalHub, tmp_path: Path) -> None:
    first = fetch("org/name")
    asked(hub)
    notes = Notes()
    assert fetch("org/name", observer=notes) == first
    copy = fetch("org/name", to=tmp_path / "carried")
    assert asked(hub) == []
    assert f"stays at commit {first.name[:12]}" in notes.told[0]
    assert not any(one.is_symlink() for one in copy.iterdir())
    assert {one.name: one.read_bytes() for one in copy.iterdir()} == {
        name: data for name, data in bundle_files().items() if name not in {"README.md", "notes.txt"}
    }


def test_commit_is_its_own_pin_and_the_lock_is_a_line(hub: LocalHub, tmp_path: Path) -> None:
    folder = fetch("org/name@v1")
    (lock,) = (tmp_path / "home").rglob("deepnoise.lock")
    assert lock.read_text() == f"{hub.endpoint} v1 {folder.name}\n"
    asked(hub)
    assert fetch(f"org/name@{folder.name}") == folder
    assert asked(hub) == []


def test_a_moved_branch_is_followed_only_where_asked(hub: LocalHub) -> None:
    old = fetch("org/name")
    new = hub.store.publish("org/name", bundle_files(WEIGHTS[::-1]))
    assert fetch("org/name") == old
    assert fetch("org/name", update=True).name == new
    assert fetch("org/name").name == new


def test_empty_endpoint_is_unset(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "")
    assert fetch("org/name", endpoint=hub.endpoint).is_dir()


def test_passing_faults_are_tried_again_and_said(hub: LocalHub) -> None:
    for status in (503, 429):
        hub.faults.add(Fault("status", path="manifest", times=1, status=status, headers={"Retry-After": "7"}))
    hub.faults.add(Fault("drop", path="manifest", times=1))
    notes = Notes()
    assert fetch("org/name", observer=notes).is_dir()
    assert ["trying again in 7 s" in note for note in notes.told[:2]] == [True, True]
    assert "cannot be reached" in notes.told[2]


def test_a_download_that_breaks_off_goes_on(hub: LocalHub) -> None:
    hub.faults.add(Fault("truncate", path="model.safetensors", method="GET", times=1))
    folder = fetch("org/name")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_private_repository_takes_a_token_that_stays_here(hub: LocalHub) -> None:
    hub.store.publish("org/private", bundle_files(), private=True)
    hub.site.shape = "host"
    assert fetch("org/private", token=TOKEN).is_dir()
    elsewhere = [one for one in hub.requests if one.host.startswith("localhost")]
    assert elsewhere
    assert not any(one.authorized for one in elsewhere)
    assert all(one.authorized for one in hub.requests if one not in elsewhere)


@pytest.mark.parametrize("shape", ["direct", "weak", "relative", "host"])
def test_every_shape_of_answer_gives_the_same_files(hub: LocalHub, shape: Shape) -> None:
    hub.site.shape = shape
    folder = fetch("org/name")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert (folder / "manifest.json").read_bytes() == bundle_files()["manifest.json"]


ANSWERS = [
    (401, "RepoNotFound", "there is no such repository at"),
    (401, "", "knows no such token; set HF_TOKEN"),
    (403, "", "forbids it; your token (HF_TOKEN) lacks the right"),
    (403, "GatedRepo", "is gated; ask for access on its page"),
    (401, "GatedRepo", "is gated; ask for access on its page"),
    (404, "RepoNotFound", "there is no such repository at"),
    (404, "RevisionNotFound", "there is no such branch, tag or commit at"),
    (404, "EntryNotFound", "there is no such file at"),
    (404, "", "there is no such repository at"),
    (429, "", "too many requests (429); try again later"),
    (500, "", "answered 500; try again later"),
    (502, "", "answered 502; try again later"),
    (503, "", "not available now (503); try again later"),
    (504, "", "answered 504; try again later"),
    (418, "", "answered 418"),
]


@pytest.mark.parametrize(("status", "code", "told"), ANSWERS)
@pytest.mark.parametrize("path", ["manifest.json", "model.safetensors"])
def test_refusing_answer_is_told(hub: LocalHub, path: str, status: int, code: str, told: str) -> None:
    hub.faults.add(Fault("status", path=path, status=status, code=code, headers={"Retry-After": "0"}))
    message = refusal()
    assert message.startswith("org/name: ")
    assert told in message


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("org/none", "org/none: there is no such repository at"),
        ("org/name@v9", "org/name@v9: there is no such branch, tag or commit at"),
        (f"org/name@{'a' * 40}", "there is no such branch, tag or commit at"),
        ("org", "is called org/name or org/name@revision"),
        ("", "is called org/name or org/name@revision"),
        ("a/b/c", "is called org/name or org/name@revision"),
        ("../name", "is called org/name or org/name@revision"),
        ("org/..", "is called org/name or org/name@revision"),
        ("org/na--me", "is called org/name or org/name@revision"),
        ("org/name\n", "is called org/name or org/name@revision"),
        ("hf-hub:", "is called org/name or org/name@revision"),
        ("org/name@", "after @ stands a branch, a tag or a commit"),
        ("org/name@../x", "after @ stands a branch, a tag or a commit"),
        ("org/name@a b", "after @ stands a branch, a tag or a commit"),
        ("org/name@" + "a" * 300, "after @ stands a branch, a tag or a commit"),
    ],
)
def test_wrong_reference_is_told(hub: LocalHub, reference: str, told: str) -> None:
    assert told in refusal(reference)


@pytest.mark.parametrize("name", ["model.safetensors", "recipe.yaml"])
def test_same_length_corruption_on_the_way_is_found(hub: LocalHub, tmp_path: Path, name: str) -> None:
    hub.faults.add(Fault("corrupt", path=name, method="GET", times=1))
    message = refusal(to=tmp_path / "out")
    assert re.match(rf"org/name: {name}: its bytes are not those that were published \(hash ", message)
    assert not list(tmp_path.glob("out*"))
    assert (fetch("org/name") / name).read_bytes() == bundle_files()[name]


def test_corrupt_manifest_is_found_by_its_own_name(hub: LocalHub) -> None:
    hub.faults.add(Fault("corrupt", path="manifest.json", method="GET", times=1))
    assert "manifest.json: its bytes are not those that were published" in refusal()
    assert fetch("org/name").is_dir()


def test_corruption_of_the_cache_is_found_and_mended_by_the_next_pull(hub: LocalHub, tmp_path: Path) -> None:
    fetch("org/name")
    blob = blob_of(tmp_path / "home", WEIGHTS)
    blob.write_bytes(WEIGHTS[:-1] + b"x")
    asked(hub)
    assert "model.safetensors: its bytes are not those that were published" in refusal()
    assert not blob.exists()
    assert asked(hub) == []
    assert (fetch("org/name") / "model.safetensors").read_bytes() == WEIGHTS


def test_link_that_leads_out_of_the_cache_is_refused_and_what_it_means_is_left(
    hub: LocalHub, tmp_path: Path
) -> None:
    link, mine = fetch("org/name") / "recipe.yaml", tmp_path / "mine.yaml"
    mine.write_text("name: mine\n")
    link.unlink()
    link.symlink_to(mine)
    assert "recipe.yaml: its bytes are not those that were published" in refusal()
    assert mine.read_text() == "name: mine\n"
    assert fetch("org/name") == link.parent
    assert link.read_bytes() == b"name: tiny\n"


@pytest.mark.parametrize("kind", ["truncate", "drop"])
def test_endless_trouble_is_told(hub: LocalHub, tmp_path: Path, kind: FaultKind) -> None:
    hub.faults.add(Fault(kind, path="manifest.json", method="GET"))
    assert "try again later" in refusal(to=tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sha256": {"../model.safetensors": "0" * 64}}, "sha256"),
        ({"sha256": {"/etc/passwd": "0" * 64}}, "sha256"),
        ({"sha256": {"a\\b": "0" * 64}}, "sha256"),
        ({"sha256": {"model.safetensors": "0" * 64, "recipe.yaml": "short"}}, "sha256"),
        (
            {"sha256": {"model.safetensors": "0" * 64, "recipe.yaml": "0" * 64, "nul": "0" * 64}},
            "device on Windows",
        ),
        ({"format": "2.0"}, "format 2.0"),
        ({"format": "soon"}, "is no format of a bundle"),
        ({"classes": 3}, "classes"),
    ],
)
def test_hostile_manifest_is_refused(hub: LocalHub, tmp_path: Path, change: dict[str, Any], told: str) -> None:
    hub.store.publish("org/bad", bundle_files(**change))
    asked(hub)
    assert told in refusal("org/bad", to=tmp_path / "out")
    assert not [line for line in asked(hub) if "manifest.json" not in line]
    assert not list(tmp_path.glob("out*"))


def test_repository_without_a_manifest_is_no_bundle(hub: LocalHub) -> None:
    hub.store.publish("org/other", {"config.json": b"{}"})
    assert "manifest.json: there is no such file at" in refusal("org/other")


def test_manifest_that_names_a_missing_file_is_told(hub: LocalHub) -> None:
    files = {name: data for name, data in bundle_files().items() if name != "model.safetensors"}
    hub.store.publish("org/half", files)
    assert "model.safetensors: there is no such file at" in refusal("org/half")


def test_manifest_that_is_no_json_is_told(hub: LocalHub) -> None:
    hub.store.publish("org/text", {**bundle_files(), "manifest.json": b"<html>"})
    assert "not JSON" in refusal("org/text")


def test_private_repository_without_the_right_token_is_told(hub: LocalHub) -> None:
    hub.store.publish("org/private", bundle_files(), private=True)
    hub.site.tokens = frozenset({"hf_other"})
    assert "knows no such token; set HF_TOKEN" in refusal("org/private")


def test_gone_server_without_cache_is_told(hub: LocalHub) -> None:
    hub.stop()
    assert "cannot be reached" in refusal()


def test_gone_server_with_cache_is_said_and_goes_on(hub: LocalHub, tmp_path: Path) -> None:
    folder = fetch("org/name")
    hub.stop()
    assert fetch("org/name") == folder
    (lock,) = (tmp_path / "home").rglob("deepnoise.lock")
    lock.unlink()
    notes = Notes()
    assert fetch("org/name", observer=notes) == folder
    assert any("going on with commit" in note for note in notes.told)
    assert "cannot be reached" in refusal(update=True)


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_offline_asks_nobody(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    options: dict[str, Any] = {"offline": True} if how == "argument" else {}
    if how == "environment":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    message = refusal(**options)
    assert "manifest.json is not in the cache" in message
    assert "give a folder that somebody pulled" in message
    assert asked(hub) == []
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    folder = fetch("org/name")
    asked(hub)
    assert fetch("org/name", offline=True) == folder
    assert asked(hub) == []


def test_damaged_lock_is_told(hub: LocalHub, tmp_path: Path) -> None:
    fetch("org/name")
    (lock,) = (tmp_path / "home").rglob("deepnoise.lock")
    lock.write_text("main is where I like it\n")
    assert "deepnoise.lock:1: is no line of a lock" in refusal()


@pytest.mark.parametrize("address", ["ftp://x", "localhost:80", "http://"])
def test_wrong_endpoint_is_told(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert "must begin with https:// or http://" in refusal()


def test_password_in_the_endpoint_is_not_told(hub: LocalHub) -> None:
    hub.stop()
    message = refusal(endpoint=hub.endpoint.replace("//", "//user:secret@"))
    assert "secret" not in message


def test_taken_folder_is_told_before_anything_is_asked(hub: LocalHub, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    assert "already exists; a pulled bundle is never overwritten" in refusal(to=tmp_path / "out")
    assert asked(hub) == []


@pytest.mark.parametrize(
    "error", [("ENOSPC", "the disk is full"), ("EROFS", "cannot be written"), ("EACCES", "cannot")]
)
def test_fault_of_the_disk_is_told(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: tuple[str, str]
) -> None:
    import errno

    import huggingface_hub

    def fail(*_: object, **__: object) -> str:
        number = getattr(errno, error[0])
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    message = refusal(to=tmp_path / "out")
    assert error[1] in message
    assert "set HF_HOME to another folder" in message
    assert not list(tmp_path.glob("out*"))


def test_cache_that_is_a_file_is_told(hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "file"))
    assert "set HF_HOME to another folder" in refusal()


def test_lock_that_cannot_be_written_is_said(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        from deepnoise_core.contracts.errors import OutputError

        raise OutputError("deepnoise.lock cannot be written: Read-only file system")

    monkeypatch.setattr(repository, "lock_commit", refuse)
    notes = Notes()
    assert fetch("org/name", observer=notes).is_dir()
    assert notes.told[-1].endswith("the next pull asks the Hub again")


@pytest.mark.parametrize("text", ["org/name", "hf-hub:org/name@v1", "o.r-g/n_a.me@feature/x"])
def test_reference_reads_back(text: str) -> None:
    assert str(parse_reference(text)) == text.removeprefix("hf-hub:")
