"""Every code block of every page runs, in the order of the page, or says why it cannot.

Each page has a folder of its own. `<!-- given: PATH = MATERIAL; … -->` says what a page takes to be there, and
`<!-- not run: REASON -->` before a block why it is not run. A block with a title is a file that its page writes.
"""

import importlib
import io
import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from hatchling.build import build_editable, build_wheel

from deepnoise.cli import main
from deepnoise_core.testing.cases import cases_of
from deepnoise_core.testing.plugins import plugin_named
from deepnoise_registry.hub.server.local import LocalHub

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    file.relative_to(ROOT).as_posix(): file.read_text()
    for file in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]
    if file.parent.name != "reference"
}
NOT_RUN_AT_MOST = 13
WITH_CONTROLS = "data.roles=[treatment, negative_control]"

BLOCK = re.compile(
    r'(?:^<!-- not run: (?P<reason>.+?) -->\n+)?^ *```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n'
    r"(?P<body>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
GIVEN = re.compile(r"^<!-- given: (.+?) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    body: str
    title: str | None
    reason: str | None

    @property
    def runs(self) -> bool:
        """Whether there is something to do; recipes that are no files are checked elsewhere."""
        return self.reason is None and (self.title is not None or self.language in {"sh", "python"})


def blocks(text: str) -> list[Block]:
    """The blocks of a page in their order."""
    return [Block(one["language"], one["body"], one["title"], one["reason"]) for one in BLOCK.finditer(text)]


RUN = sorted(name for name, text in PAGES.items() if any(block.runs for block in blocks(text)))


def test_blocks_are_of_languages_that_are_run_or_need_not_be() -> None:
    known = {"sh", "python", "yaml", "text", "toml"}
    odd = {
        (name, block.language)
        for name, text in PAGES.items()
        for block in blocks(text)
        if block.language not in known and not block.reason
    }
    assert not odd


def test_no_block_is_overlooked() -> None:
    for name, text in PAGES.items():
        assert 2 * len(blocks(text)) == len(re.findall(r"(?m)^ *```", text)), name


def test_few_blocks_are_not_run() -> None:
    reasons = [block.reason for text in PAGES.values() for block in blocks(text) if block.reason]
    assert len(reasons) <= NOT_RUN_AT_MOST, reasons
    assert {"README.md", "docs/tutorials/author.md"} <= set(RUN)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def deepnoise(*words: str) -> str:
    """What a command prints as data; it must end well, or with 1 where it is a check that found something."""
    out, beside = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(beside):
        code = main(words)
    assert code in ({0, 1} if words[:2] == ("screen", "check") else {0}), (
        f"{shlex.join(words)}: {beside.getvalue()}"
    )
    return out.getvalue()


def process(module: str, *words: str) -> None:
    """Run a module as a process of its own; it must end well."""
    command = [sys.executable, "-m", module, *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """What pages may be given, by its name; each is made once, and then linked to."""
    folder = tmp_path_factory.mktemp("given")
    makers: dict[str, Callable[[str], object]] = {
        "a screen": lambda out: deepnoise("simulate", out, "--preset", "tiny"),
        "a run": lambda out: deepnoise(
            "train", "tiny", "--screen", str(made("a screen")), "--out", out, "--set", WITH_CONTROLS
        ),
        "predictions": lambda out: deepnoise(
            "predict", str(made("a run")), "--screen", str(made("a screen")), "--out", out
        ),
    }

    def made(name: str) -> Path:
        out = folder / name.removeprefix("a ")
        if not out.exists():
            makers[name](str(out))
        return out

    return made


def forget_plugins() -> None:
    """Let the next command import the plugins of pages anew, as a process of its own would."""
    for name in [name for name in sys.modules if name.startswith("deepnoise_plugin_")]:
        del sys.modules[name]
    importlib.invalidate_caches()


@dataclass
class Folder:
    """Where the blocks of one page run, one after another."""

    monkeypatch: pytest.MonkeyPatch
    installed: Path
    names: dict[str, object] = field(default_factory=lambda: {"__name__": "page"})

    def run(self, block: Block) -> None:
        if block.title:
            Path(block.title).parent.mkdir(parents=True, exist_ok=True)
            Path(block.title).write_text(block.body)
            forget_plugins()
        elif block.language == "python":
            with redirect_stdout(io.StringIO()):
                exec(compile(block.body, "a block", "exec"), self.names)
        else:
            for line in block.body.replace("\\\n", " ").splitlines():
                self.command(shlex.split(line, comments=True))

    def command(self, words: list[str]) -> None:
        """One line of a shell, of the few kinds that pages have."""
        match words:
            case []:
                pass
            case ["deepnoise", *arguments, ">", file]:
                Path(file).write_text(deepnoise(*arguments))
            case ["deepnoise", "plugins", "check", name, *_]:
                # The command gives each component a process; its laws are the same here, for less.
                for law in cases_of(plugin_named(name)):
                    law()
            case ["deepnoise", "push", *arguments] if "--dry-run" not in arguments:
                # The Hub's client listens to HF_ENDPOINT when it is imported, and that was long ago.
                process("deepnoise", "push", *arguments)
            case ["deepnoise", *arguments]:
                deepnoise(*arguments)
            case ["cd", folder]:
                self.monkeypatch.chdir(folder)
            case ["pip", "install", "-e", _]:
                self.install()
            case ["python", "-m", "build"]:
                Path("dist").mkdir()
                build_wheel("dist")
            case ["pytest"]:
                process("pytest", "-q")
            case _:
                raise AssertionError(
                    f"pages may not say {shlex.join(words)!r}, unless they say why it is not run"
                )

    def install(self) -> None:
        """What `pip install -e .` does, without its dependencies and for this page alone."""
        self.installed.mkdir(exist_ok=True)
        with zipfile.ZipFile(self.installed / build_editable(str(self.installed))) as wheel:
            wheel.extractall(self.installed)
        sources = [line for file in self.installed.glob("*.pth") for line in file.read_text().splitlines()]
        for place in (str(self.installed), *sources):
            self.monkeypatch.syspath_prepend(place)
        self.monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*sources, str(self.installed)]))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """A folder of its own, out of which nothing stays."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield Folder(monkeypatch, tmp_path / "installed")
    forget_plugins()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """The Hub of pages that push and pull, which is on this computer."""
    with LocalHub(tmp_path / "hub") as served:
        monkeypatch.setenv("HF_ENDPOINT", served.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        yield served


@pytest.mark.parametrize("page", RUN)
def test_page_runs(page: str, folder: Folder, materials: Callable[[str], Path], hub: LocalHub) -> None:
    for given in GIVEN.findall(PAGES[page]):
        for one in given.split("; "):
            path, material = one.split(" = ")
            if path.startswith("hf-hub:"):
                repository, tag = path.removeprefix("hf-hub:").split("@")
                bundle = materials(material) / "bundle"
                files = {file.name: file.read_bytes() for file in bundle.iterdir()}
                hub.store.publish(repository, files, tag=tag)
                continue
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).symlink_to(materials(material))
    for block in blocks(PAGES[page]):
        if block.runs:
            folder.run(block)
