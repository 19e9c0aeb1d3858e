import re
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest

from deepnoise_core.contracts import Kind
from deepnoise_core.contracts.errors import AmbiguousComponentError, PluginError, UnknownComponentError
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover

Install = Callable[..., list[EntryPoint]]


def test_a_bare_name_and_a_qualified_one_find_the_same(catalogue: Catalogue) -> None:
    bare = catalogue.find(Kind.BACKBONE, "othernet")
    assert bare is catalogue.find(Kind.BACKBONE, "other/othernet")
    assert catalogue.canonical_name(bare) == "othernet"


def test_an_ambiguous_name_names_both_plugins_and_distributions(catalogue: Catalogue) -> None:
    with pytest.raises(AmbiguousComponentError) as caught:
        catalogue.find(Kind.BACKBONE, "twin")
    assert str(caught.value) == (
        "several plugins offer the backbone 'twin'; "
        "write 'acme/twin' (acme-parts 2.1) or 'other/twin' (other-parts 2.1)"
    )
    for qualified in ("acme/twin", "other/twin"):
        offer = catalogue.find(Kind.BACKBONE, qualified)
        assert catalogue.canonical_name(offer) == offer.qualified_name == qualified


def test_an_unknown_name_is_explained(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownComponentError) as caught:
        catalogue.find(Kind.BACKBONE, "tinyne")
    message = str(caught.value)
    assert "no backbone is named 'tinyne', did you mean 'tinynet'" in message
    assert "acme-parts 2.1 offers acme/twin, timm, tinynet" in message
    assert "other-parts 2.1 offers other/twin, othernet" in message
    assert "plugin 'broken' (rusty 0.3) was not loaded: ImportError: no wheels" in message
    assert "arcface" not in message
    assert "\n" not in message


def test_a_name_of_another_kind_is_said_to_be_one(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownComponentError, match="'arcface' is a head"):
        catalogue.find(Kind.BACKBONE, "arcface")


def test_a_misspelt_qualified_name_is_answered_with_qualified_ones(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownComponentError, match="did you mean 'other/twin'"):
        catalogue.find(Kind.BACKBONE, "othr/twin")


def test_a_kind_that_nobody_offers() -> None:
    with pytest.raises(UnknownComponentError, match="no plugin that loaded offers any head"):
        Catalogue(discover([])).find(Kind.HEAD, "linear")


def test_offers_of_one_kind(catalogue: Catalogue) -> None:
    assert [offer.name for offer in catalogue.offers(Kind.HEAD)] == ["linear", "arcface"]
    assert len(catalogue.offers()) == 15


SOURCE = """
from deepnoise_core.contracts import Component, hookimpl

@hookimpl
def deepnoise_heads():
    return [
        Component(name, "A head.", factory)
        for name, factory in {
            "good": "acme_far:Shelf.build",
            "missing-module": "acme_nowhere:build",
            "missing-attribute": "acme_far:Shelf.nothing",
            "no-callable": "acme_far:VALUE",
            "exits": "acme_exits:build",
        }.items()
    ]
"""


@pytest.fixture
def shelf(install: Install) -> Catalogue:
    install(
        "acme",
        {"far": "print('far')\nVALUE = 3\nclass Shelf:\n    build = dict", "exits": "raise SystemExit(1)"},
    )
    found = install("shop", {"heads": SOURCE})
    return Catalogue(discover(found, allow=["heads"]))


def test_resolving_imports_the_factory_only_then(shelf: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    offer = shelf.find(Kind.HEAD, "good")
    assert "acme_far" not in sys.modules
    assert shelf.resolve(offer) is dict
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "far\n")


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("missing-module", "cannot be imported: ModuleNotFoundError"),
        ("missing-attribute", "cannot be imported: AttributeError"),
        ("exits", "cannot be imported: SystemExit"),
        ("no-callable", "is a int, which cannot be called"),
    ],
)
def test_a_factory_that_leads_nowhere_names_its_plugin(shelf: Catalogue, name: str, cause: str) -> None:
    with pytest.raises(PluginError) as caught:
        shelf.resolve(shelf.find(Kind.HEAD, name))
    assert f"head '{name}' of plugin 'heads' (shop 1.0): its factory" in str(caught.value)
    assert re.search(cause, str(caught.value))
