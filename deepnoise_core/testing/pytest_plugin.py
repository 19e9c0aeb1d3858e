"""The suites as a pytest plugin, which ships in the wheel: one test of an author's file becomes one a law.

    @pytest.mark.deepnoise("example")
    def test_laws(law):
        law()

The marker names the plugin's entry point. Its other arguments, all by keyword:

    level: `basic` or `strict`, the default.
    options: component → list of further sets of options; also how options without a default are given.
    components: names of the components that are checked; all where it is left out.
    expected_failures: component → law → reason. Such a law must fail, and a reason must be given.

Several markers on one test are checked one after another.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from deepnoise_core.testing.cases import Case

_MARKER = "deepnoise"
_PROPERTY = "deepnoise component"
_NOTE = "deepnoise note"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known to `--strict-markers` and `pytest --markers`."""
    config.addinivalue_line(
        "markers",
        "deepnoise(plugin, *, level='strict', options={}, components=None, expected_failures={}): "
        "run the test, which takes `law`, once for each law that the components of this plugin must keep",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a law; whatever is wrong with the marker or the plugin is an error of collection."""
    markers = list(metafunc.definition.iter_markers(_MARKER))
    takes_law = "law" in metafunc.fixturenames
    if not markers and not takes_law:
        return
    if not takes_law:
        raise pytest.Collector.CollectError(
            "a test marked deepnoise(...) must take the argument `law`, and call it"
        )
    if not markers:
        return  # Somebody else's `law`: the fixture below says what is missing where it is ours.
    from deepnoise_core.contracts.errors import InputError

    try:
        parameters = [parameter for marker in reversed(markers) for parameter in _parameters(marker)]
    except InputError as error:
        raise pytest.Collector.CollectError(f"deepnoise: {error}") from error
    metafunc.parametrize("law", parameters, indirect=True)


@pytest.fixture
def law(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Callable[[], None]:
    """One law of one component of the marked plugin; call it."""
    case: Case | None = getattr(request, "param", None)
    if case is None:
        pytest.fail("the fixture `law` needs the marker deepnoise, as in @pytest.mark.deepnoise('my-plugin')")
    record_property(_PROPERTY, f"{case.kind} {case.component}")

    def call() -> None:
        __tracebackhide__ = True
        if note := case():
            record_property(_NOTE, (note, f"{case.kind} {case.component}"))

    return call


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many laws each component kept, since silence is not conformance."""
    kept, expected, notes = Counter[str](), Counter[str](), defaultdict[str, list[str]](list)
    for counts, outcome in ((kept, "passed"), (expected, "xfailed")):
        for report in terminalreporter.getreports(outcome):
            for name, value in getattr(report, "user_properties", ()) if report.when == "call" else ():
                if name == _PROPERTY:
                    counts[str(value)] += 1
                elif name == _NOTE:
                    note, subject = value
                    notes[note].append(subject)
    if not kept and not expected:
        return
    terminalreporter.section("deepnoise")
    for component in dict.fromkeys((*kept, *expected)):
        failures = f", {expected[component]} failed as expected" if expected[component] else ""
        terminalreporter.write_line(f"{component}: {kept[component]} laws kept{failures}")
    for note, subjects in notes.items():
        terminalreporter.write_line(f"{note}: {', '.join(dict.fromkeys(subjects))}")
    terminalreporter.write_line(f"{kept.total()} laws kept in all")


def _parameters(marker: pytest.Mark) -> list[Any]:
    from deepnoise_core.testing.cases import cases_of
    from deepnoise_core.testing.plugins import plugin_named

    name, level, options, components, failures = _arguments(*marker.args, **marker.kwargs)
    cases = cases_of(plugin_named(name), level, options, components)
    reasons = _reasons(failures, cases)
    return [
        pytest.param(
            case,
            id=f"{case.subject.replace(' ', '-', 1)}-{case.law}",
            marks=[pytest.mark.xfail(reason=reason, strict=True)]
            if (reason := reasons.get((case.component, case.law)))
            else [],
        )
        for case in cases
    ]


def _arguments(*args: Any, **kwargs: Any) -> Any:
    """The marker's arguments in order, whatever is wrong with them told as what it is."""
    from deepnoise_core.contracts.errors import InputError
    from deepnoise_core.testing.suites import LEVELS

    def signature(
        plugin: str,
        *,
        level: str = "strict",
        options: Mapping[str, Any] | None = None,
        components: Any = None,
        expected_failures: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Any:
        return plugin, level, options, components, expected_failures or {}

    try:
        arguments = signature(*args, **kwargs)
    except TypeError as error:
        raise InputError(
            f"the marker's arguments: {str(error).replace(signature.__qualname__, 'deepnoise')}"
        ) from error
    if arguments[1] not in LEVELS:
        raise InputError(f"level is {arguments[1]!r}; choose {' or '.join(LEVELS)}")
    return arguments


def _reasons(failures: Mapping[str, Mapping[str, str]], cases: list[Case]) -> dict[tuple[str, str], str]:
    """Why each law is expected to fail.

    Raises:
        InputError: a law is none of the component's, or its reason is empty.
    """
    from deepnoise_core.contracts.errors import InputError

    known = {(case.component, case.law) for case in cases}
    reasons = {(component, law): reason for component, laws in failures.items() for law, reason in laws.items()}
    for (component, law), reason in reasons.items():
        if (component, law) not in known:
            raise InputError(f"expected_failures: {component!r} is held to no law {law!r}")
        if not isinstance(reason, str) or not reason.strip():
            raise InputError(f"expected_failures: say why {component!r} breaks {law!r}; its reason is empty")
    return reasons
