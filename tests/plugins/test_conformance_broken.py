"""Each law has a component that breaks it: a law that nothing breaks proves nothing."""

import runpy
from pathlib import Path

import pytest

from deepnoise_core.contracts import Kind
from deepnoise_core.testing.suites import Law, laws_of, laws_of_offers


@pytest.fixture(scope="module")
def proven() -> set[str]:
    """Names of the laws, with their modules, that the tests of broken components are parametrized with."""
    files = Path(__file__).parent.glob("test_broken_*.py")
    tests = [value for file in files for name, value in runpy.run_path(str(file)).items() if "test" in name]
    marks = [mark for test in tests for mark in getattr(test, "pytestmark", ())]
    return {_full_name(law) for mark in marks for _, law, _ in mark.args[1]}


@pytest.mark.parametrize("kind", [*Kind, "offer"])
def test_every_law_is_broken_by_some_component(kind: Kind | str, proven: set[str]) -> None:
    laws = laws_of(kind) if isinstance(kind, Kind) else laws_of_offers()
    unproven = [law.__name__ for law in laws if _full_name(law) not in proven]
    assert not unproven, "add a component that breaks it to a test_broken_*.py"


def _full_name(law: Law) -> str:
    return f"{law.__module__}.{law.__name__}"
