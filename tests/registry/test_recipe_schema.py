import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deepnoise_core.contracts import Component, Kind, Options
from deepnoise_core.contracts.errors import PluginError
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover
from deepnoise_registry.recipes import recipe_schema
from deepnoise_registry.records import Discovery, Offer, PluginRecord


def references(schema: Any) -> Iterator[str]:
    """Every `$ref` in a schema."""
    if isinstance(schema, dict):
        yield from [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
        for inner in schema.values():
            yield from references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from references(inner)


def mappings(choices: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["properties"]["name"]["const"]: one for one in choices["oneOf"] if one.get("type") == "object"}


def test_a_component_is_one_of_those_on_offer(catalogue: Catalogue) -> None:
    schema = recipe_schema(catalogue)
    backbones = schema["properties"]["backbone"]
    assert set(mappings(backbones)) == {"tinynet", "timm", "acme/twin", "other/twin", "othernet"}
    assert backbones["oneOf"][0]["enum"] == ["tinynet", "acme/twin", "other/twin", "othernet"]
    assert mappings(backbones)["timm"]["required"] == ["name", "options"]
    options = mappings(backbones)["tinynet"]["properties"]["options"]
    definition = schema["$defs"][options["$ref"].rpartition("/")[2]]
    assert definition["properties"]["width"] == {
        "default": 8,
        "minimum": 1,
        "title": "Width",
        "type": "integer",
    }


def test_lists_and_absent_components(catalogue: Catalogue) -> None:
    properties = recipe_schema(catalogue)["properties"]
    assert set(mappings(properties["postprocessors"]["items"])) == {"site-mean", "plate-group"}
    assert {"type": "null"} in properties["reader"]["oneOf"]
    assert {"type": "null"} not in properties["head"]["oneOf"]


@pytest.mark.parametrize("installed", [True, False])
def test_every_reference_leads_somewhere(catalogue: Catalogue, installed: bool) -> None:
    schema = recipe_schema(Catalogue(discover()) if installed else catalogue)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["name", "backbone"]
    for reference in references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]
    json.dumps(schema)


def test_a_kind_without_components_matches_nothing() -> None:
    assert recipe_schema(Catalogue(Discovery()))["properties"]["head"]["oneOf"] == [{"not": {}}]


class Odd(Options):
    value: Callable[[], int] | None = None


def test_options_without_a_schema_name_their_plugin() -> None:
    offer = Offer(Kind.HEAD, Component("odd", "Odd.", "a:b", Odd), "strange", "acme", "1.0")
    record = PluginRecord("strange", "acme", "1.0", "strange", "loaded", components=(offer,))
    with pytest.raises(PluginError, match="options of the head 'odd' of plugin 'strange'"):
        recipe_schema(Catalogue(Discovery((record,))))
