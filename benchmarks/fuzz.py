"""A hundred thousand damaged recipes, manifests, indexes and tables of wells: each is read, or refused.

Texts are damaged by edits that hypothesis draws: pieces are cut, doubled, exchanged, and words that parsers trip
over are put in; in JSON also whole values are replaced. Whatever is raised but an `InputError`, and a case that
takes longer or more memory than its limit, is a fault, which is printed with what made it.

Run `python benchmarks/fuzz.py`; minutes on one core. Writes `benchmarks/results/fuzz.json`.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machine import measured_on

from deepnoise.listing import catalogue
from deepnoise.zoo import builtin_bundle
from deepnoise_core.contracts import Kind
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.exclusions import read_exclusions
from deepnoise_registry.building import build
from deepnoise_registry.manifest import parse_manifest
from deepnoise_registry.recipes import builtin_names, builtin_text
from deepnoise_registry.recipes.reading import parse_recipe
from deepnoise_registry.recipes.recipe import ComponentReference

RESULT = Path(__file__).parent / "results" / "fuzz.json"
CASES = 100_000
LIMIT = 5.0
"""Seconds that one case may take."""
MEMORY = 8 * 2**30
"""Bytes that this process may take, so that a text which asks for more raises MemoryError."""

WORDS = (
    *(
        "",
        " ",
        "  ",
        "\n",
        "\t",
        ",",
        ",,",
        ";",
        ":",
        ": ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        "#",
        "|",
        ">",
        "?",
    ),
    *("null", "true", "~", "NaN", ".inf", "-1", "0", "1e999", "9" * 40, "0x10", "1_000", "2024-01-01", "é", "∞"),
    *("&a", "*a", "<<: *a", "!!python/object:os.system", "!!binary", "%YAML 1.1", "---", "...", "\x00", "\ufeff"),
    *("../", "/etc/passwd", "C:\\", "A01", "ZZ99", "name", "options", "strategy", "well", "plate", "a" * 5000),
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    "",
    "x",
    "../x",
    "é" * 300,
    [],
    [None],
    {},
    {"a": [1]},
    [[]] * 9,
)

INDEXES = {
    "rxrx1": {"metadata.csv": 12},
    "table": {"sites.csv": 12},
    "pack": {"manifest.json": 8},
    "ome-zarr": {"plate.zarr/zarr.json": 4, "B/02/zarr.json": 2, "B/02/0/zarr.json": 2, "B/02/0/0/zarr.json": 2},
}
"""Reader → text files of its example → share of the cases."""

Edit = tuple[str, float, float, int]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(("cut", "double", "move", "put", "replace", "value")),
        st.floats(0, 1),
        st.floats(0, 0.2),
        st.integers(0, 10**6),
    ),
    min_size=1,
    max_size=4,
)


def damaged(text: str, edits: list[Edit]) -> str:
    """A text after some edits, each at a share of its length."""
    for kind, place, share, number in edits:
        at = int(place * len(text))
        to = min(len(text), at + 1 + int(share * len(text)))
        word = WORDS[number % len(WORDS)]
        if kind == "value":
            text = other_value(text, place, VALUES[number % len(VALUES)])
        elif kind == "cut":
            text = text[:at] + text[to:]
        elif kind == "double":
            text = text[:to] + text[at:]
        elif kind == "move":
            text = text[:at] + text[to:] + text[at:to]
        else:
            text = text[:at] + word + text[at if kind == "put" else min(to, at + 12) :]
    return text


def other_value(text: str, place: float, value: Any) -> str:
    """JSON with one of its values replaced; other texts as they are."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    spots = list(containers(found))
    if not spots:
        return json.dumps(value)
    where, key = spots[min(int(place * len(spots)), len(spots) - 1)]
    where[key] = value
    return json.dumps(found)


def containers(found: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key in JSON."""
    items = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, inner in list(items):
        yield found, key
        yield from containers(inner)


class Target:
    """Something that is read, its faults, and how it fared."""

    def __init__(self, name: str, texts: list[str], read: Callable[[str], object]) -> None:
        self.name, self.texts, self.read = name, texts, read
        self.counts = Counter[str]()
        self.slowest = 0.0
        self.faults: list[str] = []

    def case(self, number: int, edits: list[Edit]) -> None:
        text = damaged(self.texts[number % len(self.texts)], edits)
        began = time.perf_counter()
        try:
            self.read(text)
        except InputError as error:
            self.counts["refused"] += 1
            if not str(error).strip():
                self.fault("an empty message", number, edits)
        except BaseException as error:
            self.fault(f"{type(error).__name__}: {error}", number, edits)
            if isinstance(error, KeyboardInterrupt):
                raise
        else:
            self.counts["read"] += 1
        self.slowest = max(self.slowest, spent := time.perf_counter() - began)
        if spent > LIMIT:
            self.fault(f"took {spent:.1f} s", number, edits)

    def fault(self, what: str, number: int, edits: list[Edit]) -> None:
        self.counts["faults"] += 1
        if len(self.faults) < 5:
            self.faults.append(f"{self.name}: {what:.300} of text {number % len(self.texts)} by {edits}")

    def run(self, cases: int) -> dict[str, Any]:
        @settings(
            max_examples=cases,
            database=None,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.integers(0, 10**6), EDITS)
        def all_cases(number: int, edits: list[Edit]) -> None:
            self.case(number, edits)

        all_cases()
        counts = {name: self.counts[name] for name in ("read", "refused", "faults")}
        return {
            "what": self.name,
            "cases": sum(counts.values()),
            **counts,
            "slowest_seconds": round(self.slowest, 3),
        }


def targets(work: Path) -> Iterator[tuple[Target, int]]:
    """What is read, with its share of the cases."""
    known = catalogue()
    recipes = [builtin_text(name) for name in builtin_names()]
    yield Target("recipes", recipes, lambda text: parse_recipe(text, "fuzzed.yaml", known)), 25
    sets = ["train.epochs=5", "head.options={margin: 0.2}", "postprocessors=[site-mean, plate-group]", "seed=1"]
    yield Target("overrides", sets, lambda text: parse_recipe(recipes[0], "demo", known, sets=[text])), 10
    manifest = (builtin_bundle("builtin:tiny") / "manifest.json").read_text()
    yield (
        Target("manifests of bundles", [manifest], lambda text: parse_manifest(text.encode(), "manifest.json")),
        20,
    )
    excluded = work / "exclude.csv"
    lines = 'site_id,reason\nE1_1_B02_1,blurred\nE1_1_B03_2,"dust, much"\n'
    yield Target("lists of excluded sites", [lines], writing(excluded, lambda: read_exclusions(excluded))), 5
    for offer in known.offers(Kind.READER):
        folder = work / offer.name
        folder.mkdir()
        module, _, function = offer.component.example.partition(":")
        place = getattr(import_module(module), function)(folder)
        reader = build(known, Kind.READER, ComponentReference(name=offer.qualified_name))
        for pattern, share in INDEXES.get(offer.name, {}).items():
            file = next(folder.rglob(pattern))
            name = f"{file.name} of {offer.name}, {pattern}"
            yield Target(name, [file.read_text()], writing(file, partial(reader.open, place))), share


def writing(file: Path, read: Callable[[], object]) -> Callable[[str], object]:
    """Reads what a file is part of, once it has another text; puts the old one back."""
    before = file.read_bytes() if file.exists() else b""

    def written(text: str) -> object:
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            return read()
        finally:
            file.write_bytes(before)

    return written


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--out", type=Path, default=RESULT)
    wanted = parser.parse_args()
    warnings.simplefilter("error")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as name:
        found = list(targets(Path(name)))
        whole = sum(share for _, share in found)
        rows, faults = [], []
        for target, share in found:
            rows.append(target.run(-(-wanted.cases * share // whole)))
            faults += target.faults
            print(rows[-1], *target.faults, sep="\n", flush=True)
    record = {**measured_on("deepnoise"), "rows": rows, "faults": faults}
    wanted.out.write_text(json.dumps(record, indent=2) + "\n")
    print(f"{sum(row['cases'] for row in rows):,} cases, {sum(row['faults'] for row in rows)} faults")


if __name__ == "__main__":
    main()
