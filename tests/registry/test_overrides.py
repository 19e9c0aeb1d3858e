from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepnoise_core.contracts.errors import RecipeError
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes import Recipe, RecipeReading, parse_recipe

RECIPE = """\
name: base
backbone: {name: timm, options: {model: resnet10t}}
head: {name: arcface, options: {scale: 20, margin: 0.2}}
strategy: {name: mean-teacher, options: {ema_decay: 0.9, ramp: {epochs: 2, shape: linear}}}
postprocessors: [site-mean, {name: plate-group, options: {threshold: 0.5}}]
"""


class Change(Protocol):
    def __call__(self, *sets: str, text: str = ...) -> RecipeReading: ...


@pytest.fixture
def changed(catalogue: Catalogue) -> Change:
    def change(*sets: str, text: str = RECIPE) -> RecipeReading:
        return parse_recipe(text, "base.yaml", catalogue, sets=sets)

    return change


def test_values_are_yaml(changed: Change) -> None:
    recipe, _ = changed(
        "seed = 7",
        "name=no",
        "train.optimizer.lr=1e-3",
        "train.max_steps=",
        "data.roles=[treatment]",
        "data.split={test: [A], folds: 3}",
        "summary='a=b'",
    )
    assert (recipe.seed, recipe.name, recipe.summary) == (7, "no", "a=b")
    assert (recipe.train.optimizer.lr, recipe.train.max_steps) == (1e-3, None)
    assert (recipe.data.roles, recipe.data.split.test, recipe.data.split.folds) == (("treatment",), ("A",), 3)


def test_a_part_of_a_default_can_be_set(changed: Change) -> None:
    recipe, _ = changed(
        "normalizer.options.jitter=0.2",
        "postprocessors.0.name=plate-group",
        text="name: x\nbackbone: tinynet\n",
    )
    assert (recipe.normalizer.name, recipe.normalizer.options) == ("z-score", {"jitter": 0.2})
    assert recipe.postprocessors[0].options == {"threshold": 0.001}


def test_options_can_be_set_where_there_were_none(changed: Change) -> None:
    recipe, _ = changed("backbone.options.width=3", text="name: x\nbackbone: tinynet\n")
    assert recipe.backbone.options["width"] == 3
    recipe, _ = changed("reader.name=rxrx1")
    assert recipe.reader is not None
    assert recipe.reader.name == "rxrx1"


def test_the_last_of_two_counts(changed: Change) -> None:
    assert changed("seed=1", "seed=2")[0].seed == 2
    assert (
        changed("train.epochs=3", "train={batch_size: 8}")[0].train.epochs
        == Recipe.model_fields["train"].default.epochs
    )


@pytest.mark.parametrize("key", ["strategy", "strategy.name"])
def test_another_component_drops_the_recipes_options_and_says_so(changed: Change, key: str) -> None:
    recipe, notes = changed(f"{key}=supervised")
    assert (recipe.strategy.name, recipe.strategy.options) == ("supervised", {})
    assert notes == ("strategy: supervised replaces mean-teacher, whose options are dropped: ema_decay, ramp",)


@pytest.mark.parametrize("key", ["strategy", "strategy.name"])
def test_the_same_component_keeps_them(changed: Change, key: str) -> None:
    recipe, notes = changed(f"{key}=mean-teacher")
    assert (recipe.strategy.options["ema_decay"], notes) == (0.9, ())


@pytest.mark.parametrize("order", [1, -1])
def test_options_that_were_set_survive_in_either_order(changed: Change, order: int) -> None:
    recipe, notes = changed(
        *["strategy.options.ramp.epochs=9", "strategy=mean-teacher"][::order],
        text=RECIPE.replace("mean-teacher", "supervised"),
    )
    assert recipe.strategy.options["ramp"] == {"epochs": 9.0, "shape": "sigmoid"}
    assert recipe.strategy.options["ema_decay"] == 0.99
    assert notes == ("strategy: mean-teacher replaces supervised, whose options are dropped: ema_decay, ramp",)


def test_items_of_lists(changed: Change) -> None:
    recipe, notes = changed(
        "postprocessors.0=plate-group", "postprocessors.2=site-mean", "postprocessors.0.options.threshold=1"
    )
    assert [(one.name, one.options) for one in recipe.postprocessors] == [
        ("plate-group", {"threshold": 1.0}),
        ("plate-group", {"threshold": 0.5}),
        ("site-mean", {}),
    ]
    assert notes == ()
    _, notes = changed("postprocessors.1.name=site-mean")
    assert notes == ("postprocessors.1: site-mean replaces plate-group, whose options are dropped: threshold",)
    recipe, _ = changed("postprocessors=[plate-group]", "postprocessors.0.options.threshold=2")
    assert [one.options for one in recipe.postprocessors] == [{"threshold": 2.0}]


BAD = {
    "nothing": ("nothing", "", "'nothing' is not KEY=VALUE"),
    "=3": ("=3", "", "is not KEY=VALUE"),
    "a..b=3": ("a..b=3", "", "is not KEY=VALUE"),
    "control character": ("a\x00b=3", "", "is not KEY=VALUE"),
    "depth": (".".join("a" * 60) + "=1", "", "is not KEY=VALUE"),
    "yaml": ("seed=[1", "seed", "not YAML"),
    "tag": ("seed=!env X", "seed", "is not allowed"),
    "duplicate": ("train={epochs: 1, epochs: 2}", "train.epochs", "written twice"),
    "unknown key": ("sede=1", "sede", "unknown key, did you mean 'seed'"),
    "unknown parent": ("trian.epochs=1", "trian.epochs", "unknown key, did you mean 'train'"),
    "unknown nested key": ("train.epoch=1", "train.epoch", "did you mean 'epochs'"),
    "unknown option": (
        "strategy.options.emadecay=1",
        "strategy.options.emadecay",
        "did you mean 'ema_decay'",
    ),
    "unknown option of an option": (
        "strategy.options.ramp.epoch=1",
        "strategy.options.ramp.epoch",
        "'epochs'",
    ),
    "inside a number": ("seed.x=1", "seed.x", "should be a valid integer|holds"),
    "inside text": ("name.x=1", "name.x", "name holds 'base', so nothing inside it can be set"),
    "wrong type": ("train.epochs=many", "train.epochs", 'valid integer, found "many"'),
    "wrong type within": ("train={epochs: many}", "train.epochs", 'valid integer, found "many"'),
    "list by word": ("postprocessors.first=x", "postprocessors.first", "set by number, 0 to 2"),
    "list out of range": ("postprocessors.5=x", "postprocessors.5", "set by number, 0 to 2"),
    "unknown component": ("head=arcfce", "head.name", "did you mean 'arcface'"),
    "missing option": ("backbone.options={}", "backbone.options.model", "required, but missing"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_fault_of_an_override_is_told_as_one(changed: Change, case: str) -> None:
    text, field, message = BAD[case]
    with pytest.raises(RecipeError, match=message) as caught:
        changed(text)
    [problem] = caught.value.problems
    assert (problem.source, problem.line) == ("--set", 0)
    assert problem.field == field


WORDS = [
    "name",
    "seed",
    "data",
    "split",
    "folds",
    "backbone",
    "head",
    "options",
    "strategy",
    "postprocessors",
    "0",
    "1",
    "2",
    "ramp",
    "decay",
    "train",
    "optimizer",
    "lr",
    "reader",
    "x",
]
KEYS = st.lists(st.sampled_from(WORDS) | st.text(max_size=3), min_size=1, max_size=5).map(".".join)
ODD_VALUES = [
    "arcface",
    "twin",
    "{name: linear}",
    "[[0, 1]]",
    "[]",
    "{}",
    "null",
    ".inf",
    ".nan",
    "*a",
    "&a [*a]",
    "!x y",
    "1e999",
    "[site-mean]",
    "{0: 1}",
    "- a",
    "%YAML 9",
    "%YAML 1.15\n--- 1",
    '"\\ud800"',
    "? a",
    "!!int x",
    "0x",
]
VALUES = st.text(max_size=12) | st.sampled_from([*ODD_VALUES, "9" * 400, "9" * 5000])
SETS = st.lists(st.tuples(KEYS, VALUES).map("=".join) | st.text(max_size=20), max_size=5)


def assert_only_recipe_errors_escape(text: str, catalogue: Catalogue, sets: list[str]) -> None:
    try:
        parse_recipe(text, "base.yaml", catalogue, sets=sets)
    except RecipeError as error:
        problems, lines = error.problems, str(error).splitlines()
    else:
        return
    assert len(lines) == len(problems) > 0


@settings(max_examples=150)
@given(SETS)
def test_no_override_escapes_as_another_error(catalogue: Catalogue, sets: list[str]) -> None:
    assert_only_recipe_errors_escape(RECIPE, catalogue, sets)


@settings(max_examples=150)
@given(st.data())
def test_no_damaged_recipe_escapes_as_another_error(catalogue: Catalogue, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(RECIPE)))
    end = data.draw(st.integers(start, min(start + 20, len(RECIPE))))
    text = RECIPE[:start] + data.draw(VALUES) + RECIPE[end:]
    assert_only_recipe_errors_escape(text, catalogue, [])


@settings(max_examples=100)
@given(st.text(max_size=80))
def test_no_text_escapes_as_another_error(catalogue: Catalogue, text: str) -> None:
    assert_only_recipe_errors_escape(text, catalogue, [])
