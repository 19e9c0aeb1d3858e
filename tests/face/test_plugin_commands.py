"""Commands that plugins add, and listings of plugins for people."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]

PLUGIN = """
from deepnoise_core.contracts import Command, hookimpl

DEEPNOISE_API = "1.0"

@hookimpl
def deepnoise_commands():
    return [{}]
"""
CODE = """
import sys
from deepnoise_core.contracts.errors import InputError

def tell(words):
    print(words)
    return len(words)

def end(words):
    sys.exit(int(words[0]))

def refuse(words):
    raise InputError("no such plate")

def fail(words):
    raise ValueError("cannot go on")

def name(words):
    return "done"
"""
NAMES = ("tell", "end", "refuse", "fail", "name", "lost")


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two distributions that both add a command `tell`."""
    both = {"acme": NAMES, "rival": NAMES[:1]}
    for name, names in both.items():
        metadata = tmp_path / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[deepnoise]\n{name} = {name}_plugin\n")
        records = ", ".join(f"Command({one!r}, 'Can {one}.', 'acme_code:{one}')" for one in names)
        (tmp_path / f"{name}_plugin.py").write_text(PLUGIN.format(records))
    (tmp_path / "acme_code.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for module in ("acme_plugin", "rival_plugin", "acme_code"):
        sys.modules.pop(module, None)


def test_they_are_listed(deepnoise: Run) -> None:
    listed = deepnoise("x").stdout
    for part in ("acme/tell", "rival/tell", "Can refuse.", "acme 1.0"):
        assert part in listed
    assert [one["name"] for one in json.loads(deepnoise("x", "--json").stdout)] == [*NAMES, "tell"]
    assert "acme_code" not in sys.modules


def test_words_are_passed_on_as_they_are(deepnoise: Run) -> None:
    words = ["--json", "--set", "a=1", "b=2", "--", "--help", "-h"]
    done = deepnoise("x", "acme/tell", *words)
    assert (done.returncode, done.stdout) == (len(words), f"{words}\n")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("end 3", 3, ""),
        ("end 0", 0, ""),
        ("refuse", 2, "deepnoise: no such plate\n"),
        (
            "tell",
            2,
            "several plugins add the command 'tell'; write 'acme/tell' (acme 1.0) or 'rival/tell' (riv",
        ),
        ("tel", 2, "no plugin adds a command 'tel', did you mean 'tell'?; deepnoise x lists them"),
        (
            "fail",
            1,
            "the command 'fail' of plugin 'acme' (acme 1.0) failed: ValueError: cannot go on; DEEPNOISE_",
        ),
        ("name", 1, "the command 'name' of plugin 'acme' (acme 1.0) ended with 'done' instead of an exit code"),
        ("lost", 1, "the command 'lost' of plugin 'acme' (acme 1.0): 'acme_code:lost' cannot be imported: Attri"),
    ],
)
def test_a_command_ends_as_it_says_or_is_named(words: str, code: int, said: str, deepnoise: Run) -> None:
    done = deepnoise("x", *words.split())
    assert done.returncode == code
    assert said in done.stderr
    assert done.stderr.count("\n") == bool(said)


def test_where_it_failed_is_shown_when_asked_for(deepnoise: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPNOISE_TRACEBACK", "1")
    assert "acme_code.py" in deepnoise("x", "fail").stderr


def test_one_plugin_is_told_whole(deepnoise: Run) -> None:
    told = deepnoise("plugins", "show", "acme").stdout
    for part in ("acme 1.0", "API 1.0", "deepnoise_commands", "tell: Can tell.", "pip uninstall acme"):
        assert part in told
    assert "comes with deepnoise" in deepnoise("plugins", "show", "timm").stdout
    [shown] = json.loads(deepnoise("plugins", "show", "acme", "--json").stdout)
    assert shown["commands"][0]["qualified_name"] == "acme/tell"
    mistaken = deepnoise("plugins", "show", "acm")
    assert (mistaken.returncode, "did you mean 'acme'?" in mistaken.stderr) == (2, True)
