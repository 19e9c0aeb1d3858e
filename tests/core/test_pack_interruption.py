"""A packing that is killed goes on, and ends with the bytes of one that was not."""

import errno
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepnoise_core.contracts.errors import OutputError
from deepnoise_core.data.files import replace_file
from deepnoise_core.data.packs import PackOptions, open_pack, pack_screen, verify_pack
from deepnoise_core.data.packs.array import plain_store_errors
from deepnoise_core.data.packs.journal import open_journal
from deepnoise_core.testing.screens import random_screen

KILLS = 4
SIDE, SHARD = 64, 3
PROGRAM = f"""
import sys, time
from dataclasses import replace
from pathlib import Path
from deepnoise_core.data.packs import PackOptions, pack_screen
from deepnoise_core.testing.screens import random_screen
screen = random_screen(side={SIDE})
print("ready", flush=True)
pack_screen(screen, Path(sys.argv[1]), PackOptions(shard_sites={SHARD}), on_sites=lambda n: time.sleep(0.02))
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_killed_packings_end_with_the_same_bytes(tmp_path: Path) -> None:
    whole = pack_screen(random_screen(side=SIDE), tmp_path / "whole", PackOptions(shard_sites=SHARD)).path
    out, moments, killed = tmp_path / "pack", random.Random(0), 0
    while not out.exists():
        with subprocess.Popen([sys.executable, "-c", PROGRAM, out], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            if killed < KILLS:
                time.sleep(moments.uniform(0.0, 0.25))
                process.send_signal(signal.SIGKILL)
                killed += 1
            else:
                assert process.wait() == 0
    assert killed >= 1
    assert contents(out) == contents(whole)


def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    screen, options, out = random_screen(), PackOptions(shard_sites=5), tmp_path / "pack"
    with open_journal(out, screen, options) as journal:
        (journal.folder / "images" / "c" / "0").mkdir(parents=True)
        (journal.folder / "images" / "c" / "0" / "0.__lock").write_bytes(b"half")
        (journal.folder / ".sites.parquet.17").write_bytes(b"half")
    pack_screen(screen, out, options)
    assert verify_pack(out)[1] == []


def test_two_processes_cannot_pack_to_one_path(tmp_path: Path) -> None:
    screen, out = random_screen(), tmp_path / "pack"
    with open_journal(out, screen, PackOptions()), pytest.raises(OutputError, match="another process"):
        pack_screen(screen, out)


def test_a_kill_before_the_last_rename_loses_nothing(tmp_path: Path) -> None:
    pack = pack_screen(random_screen(), tmp_path / "pack", PackOptions(shard_sites=5)).path
    expected = contents(pack)
    pack.rename(tmp_path / "pack.partial")
    pack_screen(random_screen(), tmp_path / "pack", PackOptions(shard_sites=5))
    assert contents(pack) == expected
    assert verify_pack(pack)[1] == []
    assert len(open_pack(str(pack))) == 32


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen, options, out = random_screen(), PackOptions(shard_sites=5), tmp_path / "pack"
    calls = 0

    def until_full(path: Path, content: bytes | str) -> None:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_file(path, content)

    with monkeypatch.context() as patch:
        patch.setattr("deepnoise_core.data.packs.packing.replace_file", until_full)
        with pytest.raises(OutputError, match="the disk is full"):
            pack_screen(screen, out, options)
    assert not out.exists()
    whole = pack_screen(screen, tmp_path / "whole", options).path
    assert contents(pack_screen(screen, out, options).path) == contents(whole)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("RESOURCE_EXHAUSTED: write failed [source x]", "the disk is full"),
        ("Failed to write: No space left on device", "the disk is full"),
        (
            "PERMISSION_DENIED: read only [tensorstore_spec='{}']",
            "out cannot be written: PERMISSION_DENIED: read only$",
        ),
    ],
)
def test_what_the_array_cannot_write_is_one_clear_error(fault: str, message: str) -> None:
    with pytest.raises(OutputError, match=message), plain_store_errors(Path("out")):
        raise ValueError(fault)
