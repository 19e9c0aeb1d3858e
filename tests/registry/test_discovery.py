import json
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, PathDistribution
from pathlib import Path

import pytest

from deepnoise_core.contracts import Kind
from deepnoise_core.contracts.errors import InputError, PluginError
from deepnoise_registry import discovery as discovery_module
from deepnoise_registry.discovery import discover, discover_from_environment
from deepnoise_registry.installed import declared_plugins

Install = Callable[..., list[EntryPoint]]

HEADER = "from deepnoise_core.contracts import Component, NoOptions, Options, hookimpl\nDEEPNOISE_API = '1.0'\n"


def offering(result: str, hook: str = "deepnoise_backbones", before: str = "") -> str:
    """Source of a plugin with one hook."""
    return f"{HEADER}{before}\n@hookimpl\ndef {hook}():\n    return {result}\n"


GOOD = offering("[Component('tinynet', 'Four convolutions.', 'tiny.net:build', NoOptions, 'doi:1')]")


def test_a_plugin_offers_its_components_with_their_origin(install: Install) -> None:
    [plugin] = discover(install("acme-nets", {"nets": GOOD}, version="1.2")).plugins
    assert (plugin.name, plugin.distribution, plugin.version) == ("nets", "acme-nets", "1.2")
    assert (plugin.status, plugin.reason, plugin.notes) == ("loaded", "", ())
    assert (plugin.module, plugin.hooks) == ("acme_nets_nets", ("deepnoise_backbones",))
    [offer] = plugin.components
    assert (offer.kind, offer.qualified_name) == (Kind.BACKBONE, "nets/tinynet")
    assert (offer.plugin, offer.distribution, offer.version) == ("nets", "acme-nets", "1.2")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_hook_that_is_asked(install: Install, kind: Kind) -> None:
    source = offering("[Component('one', 'One.', 'a.b:c')]", hook=kind.hook)
    assert [offer.kind for offer in discover(install("acme", {"parts": source})).offers] == [kind]


FAILING = {
    "import error": ("import a_module_that_nobody_has", "ModuleNotFoundError"),
    "syntax error": ("def broken(:\n", r"SyntaxError: .*line 1"),
    "system exit": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "assertion": ("assert False, 'no GPU'", "AssertionError: no GPU"),
    "message in lines": ("raise RuntimeError('\\n\\nfirst\\nsecond')", "RuntimeError: first second"),
    "unprintable error": (
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E()",
        "str\\(\\) failed",
    ),
    "no hook": ("value = 1", "implements no hook"),
    "unmarked hook": ("def deepnoise_backbones(): return []", "implements no hook"),
    "hook raises": (offering("1 / 0"), "hook deepnoise_backbones of plugin 'bad': ZeroDivisionError"),
    "hook exits": (offering("exit(1)"), "hook deepnoise_backbones of plugin 'bad': SystemExit"),
    "generator raises": (
        offering("(Component(n, 's', 1 / 0) for n in 'ab')"),
        "hook deepnoise_backbones of plugin 'bad': ZeroDivisionError",
    ),
    "returns None": (offering("None"), "hook deepnoise_backbones of plugin 'bad': returned None"),
    "returns a number": (offering("7"), "returned 7 instead of an iterable of Component"),
    "returns one record": (offering("Component('a', 'b', 'c:d')"), "one Component instead of an iterable"),
    "returns text": (offering("['densenet']"), "returned 'densenet' at position 0"),
    "name": (offering("[Component('Dense Net', 's', 'a:b')]"), "'Dense Net': a name is lower-case"),
    "qualified name": (offering("[Component('a/b', 's', 'a:b')]"), "'a/b': a name is"),
    "name no text": (offering("[Component(3, 's', 'a:b')]"), "component 3: a name is"),
    "summary": (offering("[Component('a', ' ', 'a:b')]"), "the summary must be one line"),
    "summary in lines": (offering("[Component('a', 'x\\ny', 'a:b')]"), "the summary must be one line"),
    "factory": (offering("[Component('a', 's', 'package.module')]"), "the factory must be"),
    "factory no text": (offering("[Component('a', 's', print)]"), "the factory must be"),
    "reference": (offering("[Component('a', 's', 'a:b', NoOptions, 5)]"), "the reference must be text"),
    "options": (offering("[Component('a', 's', 'a:b', dict)]"), "options must be a subclass of Options"),
    "open options": (
        offering("[Component('a', 's', 'a:b', O)]", before="class O(Options, extra='allow'): pass"),
        "options must keep extra='forbid'",
    ),
    "undefined options": (
        offering("[Component('a', 's', 'a:b', O)]", before="class O(Options):\n    x: 'Nowhere'"),
        "hook deepnoise_backbones of plugin 'bad': .*name 'Nowhere' is not defined",
    ),
    "twice": (offering("[Component('a', 's', 'a:b')] * 2"), "returned two components named 'a'"),
    "signature": (
        f"{HEADER}@hookimpl\ndef deepnoise_heads(features): return []",
        "breaks a hook spec: .*deepnoise_heads.*features",
    ),
    "unknown hook": (
        f"{HEADER}@hookimpl\ndef deepnoise_bodies(): return []",
        "unknown hook 'deepnoise_bodies'",
    ),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_failing_plugin_is_a_record_and_the_others_load(install: Install, case: str) -> None:
    source, reason = FAILING[case]
    found = discover(install("rusty", {"bad": source, "good": GOOD}))
    bad, good = found.plugins
    assert (bad.status, bad.components, bad.hooks) == ("failed", (), ())
    assert re.search(reason, bad.reason), bad.reason
    assert "\n" not in bad.reason
    assert [offer.name for offer in good.components] == ["tinynet"]
    assert found.failed == (bad,)


def test_nothing_of_a_plugin_counts_where_its_second_hook_fails(install: Install) -> None:
    source = GOOD + "\n@hookimpl\ndef deepnoise_heads():\n    raise OSError('disk')\n"
    [plugin] = discover(install("rusty", {"half": source})).plugins
    assert (plugin.status, plugin.components) == ("failed", ())
    assert "hook deepnoise_heads of plugin 'half': OSError: disk" in plugin.reason


def test_a_keyboard_interrupt_is_the_users_own(install: Install) -> None:
    source = f"import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)\n{GOOD}"
    with pytest.raises(KeyboardInterrupt):
        discover(install("slow", {"slow": source}))
    [plugin] = discover(install("rude", {"rude": "raise KeyboardInterrupt"})[-1:]).plugins
    assert (plugin.status, plugin.reason) == ("failed", "raised KeyboardInterrupt")


def test_one_name_from_two_distributions_fails_both_naming_both(install: Install) -> None:
    install("acme", {"nets": GOOD})
    found = discover(install("umbrella", {"nets": GOOD, "more": GOOD}, version="2.0"))
    assert [(one.name, one.distribution, one.status) for one in found.plugins] == [
        ("more", "umbrella", "loaded"),
        ("nets", "acme", "failed"),
        ("nets", "umbrella", "failed"),
    ]
    for plugin in found.failed:
        assert "acme 1.0 and umbrella 2.0" in plugin.reason
    assert "acme_nets" not in sys.modules


def test_the_same_entry_point_listed_twice_is_one_plugin(install: Install) -> None:
    found = install("acme", {"nets": GOOD})
    assert [one.status for one in discover([*found, *found]).plugins] == ["loaded"]


@pytest.mark.parametrize("value", ["no such:thing:at all", "", "json:missing", "acme_nets:"])
def test_a_malformed_entry_point_is_a_failure(value: str) -> None:
    [plugin] = discover([EntryPoint("odd", value, "deepnoise")]).plugins
    assert (plugin.status, plugin.distribution) == ("failed", "")


@pytest.mark.parametrize("name", ["a/b", "a b"])
def test_a_plugin_whose_name_cannot_qualify_a_component_fails(name: str) -> None:
    [plugin] = discover([EntryPoint(name, "json", "deepnoise")]).plugins
    assert "'/' or a space" in plugin.reason


def test_a_distribution_without_metadata_is_no_end(install: Install, tmp_path: Path) -> None:
    entry_points = install("acme", {"nets": GOOD})
    (tmp_path / "site" / "acme-1.0.dist-info" / "METADATA").unlink()
    [plugin] = discover(entry_points).plugins
    assert plugin.distribution == ""


def test_metadata_that_cannot_be_read_are_a_failure(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    entry_points = install("acme", {"nets": GOOD})
    monkeypatch.setattr(PathDistribution, "metadata", property(lambda _: 1 / 0))
    [plugin] = discover(entry_points).plugins
    assert (plugin.status, plugin.reason.partition(":")[0]) == (
        "failed",
        "its distribution's metadata cannot be read",
    )


def test_only_allowed_plugins_are_imported(install: Install) -> None:
    found = discover(install("acme", {"nets": GOOD, "more": "import a_module_that_nobody_has"}), allow=["nets"])
    more, nets = found.plugins
    assert (more.status, more.components, nets.status) == ("not allowed", (), "loaded")
    assert "acme_more" not in sys.modules


def test_allowing_what_is_not_installed_names_what_is(install: Install) -> None:
    with pytest.raises(
        InputError, match=r"no plugin is named 'net', did you mean 'nets'\?; installed: heads, nets"
    ):
        discover(install("acme", {"nets": GOOD, "heads": GOOD}), allow=["net"])


def test_strict_raises_with_a_line_for_each_failure(install: Install) -> None:
    entry_points = install("rusty", {"one": "1 / 0", "two": "import nobody_has_this", "good": GOOD})
    with pytest.raises(PluginError) as caught:
        discover(entry_points, strict=True)
    first, second = str(caught.value).splitlines()
    assert first.startswith("plugin 'one' (rusty 1.0): ")
    assert second.startswith("plugin 'two' (rusty 1.0): ")


def test_what_a_plugin_prints_and_warns_is_noted_and_not_printed(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    noisy = GOOD.replace("    return", "    print('asked')\n    return")
    source = f"import warnings\nprint('hello')\nwarnings.warn('old', DeprecationWarning)\n{noisy}"
    [plugin] = discover(install("noisy", {"nets": source})).plugins
    assert plugin.status == "loaded"
    assert plugin.notes == ("printed: hello", "printed: asked", "warned: DeprecationWarning: old")
    assert capsys.readouterr().out == ""


def test_notes_are_few_and_short(install: Install) -> None:
    source = f"print('x' * 10_000)\nfor n in range(50): print(n)\n{GOOD}"
    [plugin] = discover(install("noisy", {"nets": source})).plugins
    assert len(plugin.notes) == 6
    assert plugin.notes[-1] == "and 46 more lines"
    assert max(map(len, plugin.notes)) <= 400


class TestEnvironment:
    @pytest.fixture(autouse=True)
    def _installed(self, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
        entry_points = install("acme", {"nets": GOOD, "bad": "1 / 0"})
        monkeypatch.setattr(discovery_module, "installed_plugins", lambda: declared_plugins(entry_points))

    def test_unset_or_blank_loads_all(self) -> None:
        for environ in ({}, {"DEEPNOISE_PLUGINS": " ", "DEEPNOISE_STRICT_PLUGINS": ""}):
            assert [one.status for one in discover_from_environment(environ).plugins] == ["failed", "loaded"]

    def test_a_list_of_names_loads_those_alone(self) -> None:
        found = discover_from_environment({"DEEPNOISE_PLUGINS": " nets ,"})
        assert [one.status for one in found.plugins] == ["not allowed", "loaded"]

    def test_an_unknown_name_says_which_variable(self) -> None:
        with pytest.raises(InputError, match=r"^DEEPNOISE_PLUGINS: no plugin is named 'x'; installed: bad, nets"):
            discover_from_environment({"DEEPNOISE_PLUGINS": "nets,x"})

    def test_strict(self) -> None:
        with pytest.raises(PluginError, match=r"'bad' \(acme 1.0\).*ZeroDivisionError"):
            discover_from_environment({"DEEPNOISE_STRICT_PLUGINS": "1"})
        assert discover_from_environment({"DEEPNOISE_STRICT_PLUGINS": "1", "DEEPNOISE_PLUGINS": "nets"})

    def test_strict_is_0_or_1(self) -> None:
        with pytest.raises(InputError, match="DEEPNOISE_STRICT_PLUGINS is 'yes'"):
            discover_from_environment({"DEEPNOISE_STRICT_PLUGINS": "yes"})


def test_records_are_json(install: Install) -> None:
    found = discover(install("acme", {"nets": GOOD, "bad": "1 / 0"}))
    bad, nets = json.loads(json.dumps([plugin.as_dict() for plugin in found.plugins]))
    assert (bad["status"], bad["components"]) == ("failed", [])
    assert nets["components"] == [
        {
            "kind": "backbone",
            "name": "tinynet",
            "qualified_name": "nets/tinynet",
            "summary": "Four convolutions.",
            "reference": "doi:1",
            "factory": "tiny.net:build",
            "plugin": "nets",
            "distribution": "acme",
            "version": "1.0",
        }
    ]


def test_listing_the_installed_components_imports_nothing_heavy() -> None:
    program = """
import sys
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover
from deepnoise_registry.recipes import builtin_summaries, recipe_schema
catalogue = Catalogue(discover())
assert catalogue.offers()
[plugin.as_dict() for plugin in catalogue.discovery.plugins]
recipe_schema(catalogue), builtin_summaries()
heavy = {"torch", "timm", "huggingface_hub", "polars", "scipy", "matplotlib"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_installed_plugin_loads() -> None:
    assert {plugin.title: plugin.reason for plugin in discover().failed} == {}
