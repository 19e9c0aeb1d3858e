"""An author's test file: one marker runs the laws, and nothing passes by not being run."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from deepnoise_core.contracts import Kind
from deepnoise_core.testing.suites import laws_of

pytest_plugins = "pytester"

PLUGIN = """
from deepnoise_core.contracts import Component, Options, hookimpl
from pydantic import Field

DEEPNOISE_API = "1.0"

class HalveOptions(Options):
    "How much is taken."
    by: float = Field({default}, description="what scores are divided by", ge=1)

class Halve:
    "Divides scores."
    def __init__(self, options):
        self.options = options

    def __call__(self, predictions, design):
        from dataclasses import replace
        {body}

@hookimpl
def deepnoise_postprocessors():
    return [Component("halve", "Divides scores.", "little:Halve", HalveOptions)][:{offered}]
"""
GOOD = "return replace(predictions, scores=predictions.scores / self.options.by)"
BROKEN = "return predictions.take(range(max(len(predictions) - 1, 0)))"
BOTH = "return predictions if self.options.by == 2 else predictions.take(range(max(len(predictions) - 1, 0)))"
LAW = "wells_stay_in_their_order"

LAWS = laws_of(
    Kind.POSTPROCESSOR
)  # Imported here, since what a run within the process imports is forgotten after it.

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a test file with this marker beside a little plugin that is installed for the time of it."""

    def inner(
        marker: str, *, body: str = GOOD, default: str = "2.0", offered: int = 1, law: str = "law"
    ) -> pytest.RunResult:
        folder: Path = pytester.mkdir("site")
        (folder / "little.py").write_text(PLUGIN.format(body=body, default=default, offered=offered))
        metadata = folder / "little-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: little\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("[deepnoise]\nlittle = little\n")
        pytester.syspathinsert(folder)
        pytester.makepyfile(
            dedent(f"""
            import pytest
            {marker}
            def test_laws({law}):
                {law or "pass"}{"()" * bool(law)}
            """)
        )
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        return pytester.runpytest_inprocess("-p", "deepnoise", "-p", "no:cacheprovider")

    return inner


def test_a_good_plugin_is_green_and_its_laws_are_counted(run: Run) -> None:
    result = run('@pytest.mark.deepnoise("little")')
    counts = result.parseoutcomes()
    assert result.ret == 0
    assert not {"failed", "errors", "skipped", "xfailed"} & set(counts)
    assert counts["passed"] >= len(LAWS)
    result.stdout.fnmatch_lines([f"postprocessor halve: {counts['passed']} laws kept", "*laws kept in all"])


def test_basic_asks_less_than_strict(run: Run) -> None:
    result = run('@pytest.mark.deepnoise("little", level="basic")')
    assert result.ret == 0
    assert 3 < result.parseoutcomes()["passed"] < len(LAWS)


def test_a_broken_law_is_red_and_says_how(run: Run) -> None:
    result = run('@pytest.mark.deepnoise("little")', body=BROKEN)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*postprocessor halve breaks {LAW}: wells are dropped, repeated or moved"])


def test_further_options_are_held_to_the_laws_too(run: Run) -> None:
    result = run('@pytest.mark.deepnoise("little", options={"halve": [{"by": 3}]})', body=BOTH)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*postprocessor halve(by=3) breaks {LAW}: *"])
    assert result.parseoutcomes()["passed"] >= len(LAWS)


def test_options_without_a_default_are_given_by_the_marker(run: Run) -> None:
    assert run('@pytest.mark.deepnoise("little", options={"halve": [{"by": 3}]})', default="...").ret == 0


def test_an_expected_failure_is_counted_apart(run: Run) -> None:
    failures = {LAW: "it drops the last well", "sites_become_wells_or_stay": "so it does with sites"}
    failures["predictions_without_embeddings_are_taken_or_refused"] = "and with scores alone"
    marker = f'@pytest.mark.deepnoise("little", level="basic", expected_failures={{"halve": {failures}}})'
    result = run(marker, body=BROKEN)
    result.assert_outcomes(passed=result.parseoutcomes()["passed"], xfailed=3)
    result.stdout.fnmatch_lines(["postprocessor halve: * laws kept, 3 failed as expected"])


def test_an_expected_failure_that_does_not_come_is_red(run: Run) -> None:
    result = run(f'@pytest.mark.deepnoise("little", expected_failures={{"halve": {{"{LAW}": "hm"}}}})')
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*XPASS(strict)* hm"])


@pytest.mark.parametrize(
    ("marker", "settings", "message"),
    [
        (
            '@pytest.mark.deepnoise("litle")',
            {},
            "no plugin is named 'litle', did you mean 'little'*; installed: *",
        ),
        ('@pytest.mark.deepnoise("little")', {"offered": 0}, "*nothing was checked"),
        ('@pytest.mark.deepnoise("little")', {"default": "..."}, "*options without a default (by)*"),
        ('@pytest.mark.deepnoise("little")', {"law": ""}, "*must take the argument `law`*"),
        ("", {}, "*needs the marker deepnoise*"),
        ("@pytest.mark.deepnoise()", {}, "*missing 1 required positional argument: 'plugin'"),
        ('@pytest.mark.deepnoise("little", level="lax")', {}, "*level is 'lax'; choose basic or strict"),
        (
            '@pytest.mark.deepnoise("little", options={"halv": []})',
            {},
            "*no component 'halv', did you mean 'halve'?*",
        ),
        ('@pytest.mark.deepnoise("little", options={"halve": [{"by": 0}]})', {}, "*greater than or equal to 1*"),
        (
            '@pytest.mark.deepnoise("little", expected_failures={"halve": {"no_law": "x"}})',
            {},
            "*no law 'no_law'",
        ),
        (f'@pytest.mark.deepnoise("little", expected_failures={{"halve": {{"{LAW}": " "}}}})', {}, "*say why*"),
    ],
)
def test_wrong_use_is_an_error_that_says_so(
    run: Run, marker: str, settings: dict[str, str], message: str
) -> None:
    result = run(marker, **settings)
    assert result.ret in (1, 2)
    assert not result.parseoutcomes().get("passed")
    result.stdout.fnmatch_lines([f"*{message}"])
