"""The reference says what the code says, and the site is whole and asks no server for anything."""

import ast
import inspect
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from deepnoise_core.contracts import Kind, hookspecs, protocols

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "docs" / "making"))  # as for a program that is run from there
REFERENCE = runpy.run_path(str(ROOT / "docs" / "making" / "reference.py"))
HOOKS = (ROOT / "docs" / "reference" / "hooks.md").read_text()
HOOK_SPECS = [
    node
    for node in ast.parse(inspect.getsource(hookspecs)).body
    if isinstance(node, ast.FunctionDef) and any(ast.unparse(one) == "hookspec" for one in node.decorator_list)
]


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The generated pages as the code makes them now."""
    made: dict[str, str] = REFERENCE["pages"]()
    return made


@pytest.mark.parametrize(
    "page",
    [
        "recipes.md",
        "reference/commands.md",
        "reference/components.md",
        "reference/hooks.md",
        "reference/laws.md",
    ],
)
def test_page_is_as_the_code_says(page: str, pages: dict[str, str]) -> None:
    assert (ROOT / "docs" / page).read_text() == pages[page], f"docs/{page} is out of date: make reference"


def test_there_is_a_hook_of_each_kind() -> None:
    assert {kind.hook for kind in Kind} | {"deepnoise_commands"} == {node.name for node in HOOK_SPECS}


@pytest.mark.parametrize("spec", HOOK_SPECS, ids=lambda spec: spec.name)
def test_hook_is_documented_with_its_signature(spec: ast.FunctionDef) -> None:
    _, found, below = HOOKS.partition(f"\n## {spec.name}\n")
    section = below.partition("\n## ")[0]
    assert found, f"{spec.name} is in no page"
    assert str(ast.get_docstring(spec)) in section
    assert f"def {spec.name}({ast.unparse(spec.args)}) -> {ast.unparse(spec.returns or spec)}: ..." in section


@pytest.mark.parametrize(
    "protocol",
    [node.name for node in ast.parse(inspect.getsource(protocols)).body if isinstance(node, ast.ClassDef)],
)
def test_protocol_is_documented(protocol: str) -> None:
    assert f"\n### {protocol}\n" in HOOKS


REMOTE = re.compile(
    r"<(?:script|img|iframe|source|link(?![^>]*rel=\"?(?:canonical|prev|next)))\b[^>]*(?:src|href)=\"?(?:https?:)?//"
)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built so that a warning about a link, an anchor or an image is an error."""
    folder = tmp_path_factory.mktemp("site")
    program = Path(sys.executable).with_name("mkdocs")
    command = [str(program), "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_site_has_every_document(site: Path) -> None:
    written = {file.relative_to(ROOT / "docs").with_suffix(".html") for file in (ROOT / "docs").rglob("*.md")}
    outside = {Path(f"{name}.html") for name in ("overview", "contributing", "changelog", "benchmarks")}
    built = {file.relative_to(site) for file in site.rglob("*.html")}
    assert built == written | outside | {Path("404.html")}
    assert not list(site.rglob("*.py"))


def test_pages_ask_no_server_for_anything(site: Path) -> None:
    for file in [*site.rglob("*.html"), *site.rglob("*.css")]:
        text = file.read_text()
        assert not REMOTE.search(text), file.name
        assert not re.search(r"@import|url\([\"']?(?:https?:)?//", text), file.name
        assert 'class="mermaid"' not in text, f"{file.name}: diagrams fetch their library"


@pytest.mark.parametrize(
    "page",
    ['<script src="https://a/b.js">', '<link href="//fonts/x" rel="stylesheet">', '<img src="http://a/b.png">'],
)
def test_remote_pages_are_recognised(page: str) -> None:
    assert REMOTE.search(page)
