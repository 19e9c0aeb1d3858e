"""`deepnoise plugins check`: what a plugin's components do to their process is data."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepnoise.cli import app
from deepnoise.plugin_checking import check_plugin, level_named, read_options
from deepnoise_core.contracts import GROUP
from deepnoise_core.contracts.errors import InputError
from deepnoise_registry.discovery import discover
from deepnoise_registry.records import PluginRecord

MODULE = '''
"""Post-processors of every temper."""
import os, time
from deepnoise_core.contracts import Component, NoOptions, hookimpl

DEEPNOISE_API = "1.0"

class Options(NoOptions):
    """None."""

class Good:
    """Does nothing."""
    def __init__(self, options):
        print("hello")
    def __call__(self, predictions, design):
        return predictions

class Dropping(Good):
    """Drops the last row, and knows nothing to do without one."""
    def __call__(self, predictions, design):
        if not len(predictions):
            raise KeyError("well")
        return predictions.take(range(len(predictions) - 1))

class Dying(Good):
    """Ends its process."""
    def __call__(self, predictions, design):
        os._exit(3)

class Hanging(Good):
    """Comes to no end."""
    def __call__(self, predictions, design):
        time.sleep(600)

@hookimpl
def deepnoise_postprocessors():
    return [Component(kind.__name__.lower(), kind.__doc__, f"tempers:{kind.__name__}", Options)
            for kind in (Good, Dropping, Dying, Hanging)]
'''


@pytest.fixture(scope="module")
def tempers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PluginRecord]:
    """A plugin that lies in a folder on the path of this process and of its children."""
    folder: Path = tmp_path_factory.mktemp("tempers")
    (folder / "tempers.py").write_text(MODULE)
    metadata = folder / "tempers-2.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tempers\nVersion: 2.1\n")
    (metadata / "entry_points.txt").write_text("[deepnoise]\ntempers = tempers\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder) + os.pathsep + os.environ.get("PYTHONPATH", ""))
        (plugin,) = discover([EntryPoint("tempers", "tempers", GROUP)]).plugins
        yield plugin


def only(plugin: PluginRecord, *names: str) -> PluginRecord:
    return replace(plugin, components=tuple(one for one in plugin.components if one.name in names))


def test_each_component_is_checked_whatever_the_others_do(tempers: PluginRecord) -> None:
    found = check_plugin(only(tempers, "good", "dropping", "dying"))
    good, dropping, dying = found.components
    assert good.passed
    assert str(good) == f"postprocessor good: {len(good.laws)} laws kept"
    assert not found.passed
    broken = {law.law: law.what for law in dropping.broken}
    assert broken["wells_stay_in_their_order"] == "wells are dropped, repeated or moved"
    assert "  wells_stay_in_their_order: wells are dropped, repeated or moved" in str(dropping).splitlines()
    assert broken["nothing_gives_nothing"] == "KeyError: 'well'"
    assert len(dropping.laws) == len(good.laws) > len(broken)
    assert dying.laws[-1].what == "its process ended with exit code 3"
    assert [law.law for law in dying.broken] == [dying.laws[-1].law]
    assert f"{sum(len(one.broken) for one in found.components)} broken, at the level strict" in str(found)


def test_a_law_that_comes_to_no_end_is_cut_off(tempers: PluginRecord) -> None:
    (hanging,) = check_plugin(only(tempers, "hanging"), "basic", limit=3).components
    assert not hanging.passed
    assert "cut off, as the limit of 3 s for a component was reached" in str(hanging)


def test_the_command_prints_json_and_exits_with_what_it_found() -> None:
    done = CliRunner().invoke(app, ["plugins", "check", "pack", "--level", "basic", "--json"])
    assert done.exit_code == 0
    (told,) = json.loads(done.stdout)
    assert told["plugin"] == "pack"
    assert told["passed"] is True
    (reader,) = told["components"]
    assert {"law", "options", "passed", "what", "seconds"} == set(reader["laws"][0])


def test_a_plugin_that_did_not_load_fails_and_says_why(tempers: PluginRecord) -> None:
    found = check_plugin(replace(tempers, components=(), status="failed", reason="cannot import tempers"))
    assert not found.passed
    assert str(found).endswith("was not loaded: cannot import tempers")
    assert not check_plugin(replace(tempers, components=())).passed


def test_wrong_use_is_told(tempers: PluginRecord, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no level is called .lax.*basic, strict"):
        level_named("lax")
    with pytest.raises(InputError, match="offers no component 'goode', did you mean 'good'"):
        check_plugin(tempers, options={"goode": [{}]})
    file = tmp_path / "options.yaml"
    for text, message in (("good: {by: 3}", "lists of their options"), ("good: [", "options.yaml")):
        file.write_text(text)
        with pytest.raises(InputError, match=message):
            read_options(file)
    file.write_text("good: [{by: 3}, {by: 4}]")
    assert read_options(file) == {"good": [{"by": 3}, {"by": 4}]}
    with pytest.raises(InputError, match=r"absent\.yaml"):
        read_options(tmp_path / "absent.yaml")


def test_options_that_are_not_valid_are_told(tempers: PluginRecord) -> None:
    (good,) = check_plugin(only(tempers, "good"), options={"good": [{"by": 3}]}).components
    assert not good.passed
    assert "Extra inputs are not permitted" in good.trouble
