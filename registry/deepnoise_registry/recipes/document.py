"""YAML 1.2 as plain values that remember their lines. Nothing is constructed but JSON types."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from deepnoise_core.contracts.errors import RecipeError, RecipeProblem

KeyPath = tuple[str | int, ...]

LARGEST = 256 * 1024
"""Characters that a document may have; a filled recipe has about 2,000."""

MOST_VALUES = 10_000
"""Values that a document may hold once its aliases are expanded."""

DEEPEST = 50
"""Levels that values may be nested."""

_TAG = "tag:yaml.org,2002:"
_TEXT = {f"{_TAG}{name}" for name in ("str", "timestamp", "merge", "value")}
_CONSTRUCTED = {f"{_TAG}{name}" for name in ("null", "bool", "int", "float")}


@dataclass(frozen=True)
class Place:
    """Where a value was written.

    Attributes:
        source: file or recipe name, or `--set`.
        line: line from 1; 0 where there is none.
        key: the key as written after `--set`; empty in files.
    """

    source: str
    line: int = 0
    key: str = ""


@dataclass
class Document:
    """A parsed document.

    Attributes:
        source: file or recipe name, for messages.
        value: the document as JSON types.
        places: where each value was written; values inside one that is listed may be missing.
        problems: faults that still left a value to go on with.
    """

    source: str
    value: JsonValue
    places: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[RecipeProblem] = field(default_factory=list)

    def place(self, path: KeyPath) -> Place:
        """Where the value at a path, or the nearest value around it, was written."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return Place(self.source)

    def problem(self, path: KeyPath, message: str) -> RecipeProblem:
        """A fault of the value at a path."""
        place = self.place(path)
        return RecipeProblem(place.source, place.line, dotted(path), message)


def parse_document(text: str, source: str) -> Document:
    """Parse one YAML 1.2 document; an empty one is null.

    Raises:
        RecipeError: not YAML, too large or too deep. Lesser faults are in `problems`.
    """
    if len(text) > LARGEST:
        raise _fatal(source, 0, f"larger than {LARGEST:,} characters, so not a recipe")
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            root = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = ", ".join(part for part in (error.context, error.problem) if part)
        raise _fatal(source, mark.line + 1 if mark else 0, f"not YAML: {message}") from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _fatal(source, line, f"not YAML: character {error.character:#x} is not allowed") from error
    except RecursionError as error:
        raise _fatal(source, 0, f"nested deeper than {DEEPEST} levels") from error
    # The parser asserts that it knows the version of a %YAML directive.
    except (YAMLError, ValueError, OverflowError, AssertionError) as error:
        raise _fatal(source, 0, f"not YAML: {error}") from error
    document = Document(source, None)
    if root is not None:
        document.value = _Reading(yaml, document).value(root, ())
    return document


def dotted(path: KeyPath) -> str:
    """`strategy.options.decay` for `("strategy", "options", "decay")`."""
    parts = map(str, path)
    return ".".join(part if part.isprintable() else ascii(part) for part in parts)


class _Reading:
    """Turns the nodes of one document into values, and notes lines and faults on the way."""

    def __init__(self, yaml: YAML, document: Document) -> None:
        self.yaml = yaml
        self.document = document
        self.values = 0

    def value(self, node: Node, path: KeyPath) -> JsonValue:
        self.values += 1
        if self.values > MOST_VALUES:
            raise self._fatal(node, f"holds more than {MOST_VALUES:,} values once aliases are expanded")
        if len(path) > DEEPEST:
            raise self._fatal(node, f"nested deeper than {DEEPEST} levels, or an alias holds itself")
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return dict(self._items(node, path))
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self._item(child, (*path, index)) for index, child in enumerate(node.value)]
        if isinstance(node, ScalarNode) and node.tag in _TEXT | _CONSTRUCTED:
            return self._scalar(node, path)
        self._fault(node, path, f"the tag {str(node.tag)!a} is not allowed; write plain values")
        return None

    def _items(self, node: MappingNode, path: KeyPath) -> Iterator[tuple[str, JsonValue]]:
        lines: dict[str, int] = {}
        for key_node, child in node.value:
            if not isinstance(key_node, ScalarNode) or key_node.tag not in _TEXT:
                self._fault(key_node, path, "a key must be text; put it in quotes if it is meant so")
                continue
            key = str(key_node.value)
            if not _is_unicode(key):
                self._fault(key_node, path, f"the key {key!a} is not Unicode text")
                continue
            line = key_node.start_mark.line + 1
            if key in lines:
                self._fault(key_node, (*path, key), f"written twice, first in line {lines[key]}")
                continue
            lines[key] = line
            self.document.places[(*path, key)] = Place(self.document.source, line)
            yield key, self.value(child, (*path, key))

    def _item(self, node: Node, path: KeyPath) -> JsonValue:
        self.document.places[path] = Place(self.document.source, node.start_mark.line + 1)
        return self.value(node, path)

    def _scalar(self, node: ScalarNode, path: KeyPath) -> JsonValue:
        if node.tag in _TEXT and _is_unicode(str(node.value)):
            return str(node.value)
        try:
            value: JsonValue = self.yaml.constructor.construct_object(node)
        except (YAMLError, ValueError, KeyError, OverflowError):
            value = math.nan
        if isinstance(value, str) or value != value:
            self._fault(node, path, f"{str(node.value)!a:.60} is no text, number, true, false or null")
            return None
        return value

    def _fault(self, node: Node, path: KeyPath, message: str) -> None:
        line = node.start_mark.line + 1
        self.document.problems.append(RecipeProblem(self.document.source, line, dotted(path), message))

    def _fatal(self, node: Node, message: str) -> RecipeError:
        return _fatal(self.document.source, node.start_mark.line + 1, message)


def _is_unicode(text: str) -> bool:
    return text.isprintable() or not any("\ud800" <= character <= "\udfff" for character in text)


def _fatal(source: str, line: int, message: str) -> RecipeError:
    return RecipeError([RecipeProblem(source, line, "", message)])
