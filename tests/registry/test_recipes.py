import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepnoise_core.contracts import Kind, TrainOptions
from deepnoise_core.contracts.errors import InputError, RecipeError
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover
from deepnoise_registry.recipes import (
    ComponentReference,
    Recipe,
    builtin_names,
    builtin_summaries,
    builtin_text,
    parse_recipe,
    read_recipe,
    recipe_hash,
    recipe_text,
    recipe_to_yaml,
)
from deepnoise_registry.recipes.document import Document
from deepnoise_registry.recipes.overrides import apply_overrides
from deepnoise_registry.recipes.validation import validate_options

MINIMAL = "name: small\nbackbone: tinynet\n"

FULL = """\
name: full
summary: every field
reproduces: nobody
seed: 3
data:
  target: perturbation
  roles: [treatment, positive_control]
  image_size: 64
  split: {column: dataset, folds: 3}
reader: rxrx1
backbone: {name: timm, options: {model: resnet10t}}
head: {name: arcface, options: {scale: 20}}
normalizer: {name: z-score, options: {jitter: 1e-1}}
augmentation: deepnoise
strategy:
  name: mean-teacher
  options:
    ema_decay: 0.9
    decay: [[0, 0.5], [5, 0.9]]
    ramp: {epochs: 2}
postprocessors:
  - site-mean
  - {name: plate-group, options: {threshold: 1e-4}}
train:
  epochs: 5
  optimizer: {name: sgd, lr: 1e-3}
  precision: fp32
"""


def test_defaults_are_written_out(catalogue: Catalogue) -> None:
    recipe, notes = parse_recipe(MINIMAL, "small.yaml", catalogue)
    assert notes == ()
    assert recipe.backbone == ComponentReference(name="tinynet", options={"width": 8, "label": ""})
    assert recipe.head.name == "linear"
    assert recipe.normalizer == ComponentReference(name="z-score", options={"jitter": 0.0})
    assert recipe.strategy.name == "supervised"
    assert [one.name for one in recipe.postprocessors] == ["site-mean"]
    assert recipe.reader is None


def test_every_field_is_read(catalogue: Catalogue) -> None:
    recipe, _ = parse_recipe(FULL, "full.yaml", catalogue)
    assert recipe.strategy.options == {
        "ema_decay": 0.9,
        "decay": [[0.0, 0.5], [5.0, 0.9]],
        "ramp": {"epochs": 2.0, "shape": "sigmoid"},
        "peak": math.inf,
    }
    assert recipe.postprocessors[1].options == {"threshold": 1e-4}
    assert recipe.train.optimizer.lr == 1e-3
    assert recipe.data.split.folds == 3
    assert recipe.reader == ComponentReference(name="rxrx1")


def test_words_of_old_yaml_are_text_and_exponents_are_numbers(catalogue: Catalogue) -> None:
    text = "name: no\nbackbone: {name: tinynet, options: {label: off}}\ntrain: {optimizer: {lr: 1e-4}}\n"
    recipe, _ = parse_recipe(f"{text}summary: 2020-01-01", "old.yaml", catalogue)
    assert (recipe.name, recipe.backbone.options["label"], recipe.summary) == ("no", "off", "2020-01-01")
    assert recipe.train.optimizer.lr == 1e-4


def test_an_alias_repeats_a_value(catalogue: Catalogue) -> None:
    recipe, _ = parse_recipe(
        f"{MINIMAL}data: {{split: {{test: &held [A-01], validation: *held}}}}", "alias", catalogue
    )
    assert recipe.data.split.test == recipe.data.split.validation == ("A-01",)


def test_an_ambiguous_component_keeps_its_plugin_and_another_loses_it(catalogue: Catalogue) -> None:
    for written, canonical in [("other/twin", "other/twin"), ("acme/tinynet", "tinynet")]:
        recipe, _ = parse_recipe(f"name: x\nbackbone: {written}", "x", catalogue)
        assert recipe.backbone.name == canonical


BAD: dict[str, tuple[str, int, str, str]] = {
    "empty": ("", 0, "", "a recipe is a mapping of keys to values, found nothing"),
    "comment alone": ("# nothing\n", 0, "", "found nothing"),
    "list": ("- name: x\n", 0, "", "found"),
    "text": ("densenet", 0, "", "found 'densenet'"),
    "unclosed": ("name: [x\nbackbone: tinynet\n", 2, "", "not YAML"),
    "tab": ("name: x\n\tbackbone: tinynet\n", 2, "", "not YAML"),
    "unknown alias": ("name: x\nbackbone: *nowhere\n", 2, "", "undefined alias"),
    "control character": ("name: x\nbackbone: \x01\n", 2, "", "character 0x1"),
    "impossible escape": ('name: "\\U00110000"\n', 0, "", "not YAML"),
    "two documents": ("name: x\n---\nname: y\n", 2, "", "another document"),
    "nesting": ("name: " + "[" * 3000, 0, "", "nested deeper"),
    "nesting within bounds of the parser": ("name: " + "[" * 60 + "]" * 60, 1, "", "nested deeper than 50"),
    "alias in itself": (MINIMAL + "data: &a {split: *a}\n", 3, "", "alias holds itself"),
    "large": ("#" * 300_000, 0, "", "larger than 262,144 characters"),
    "python tag": (MINIMAL + "data: !!python/object/apply:os.system [ls]\n", 3, "data", "is not allowed"),
    "own tag": (MINIMAL + "seed: !env SEED\n", 3, "seed", "the tag '!env' is not allowed"),
    "bad number tag": (MINIMAL + "seed: !!int many\n", 3, "seed", "'many' is no text, number"),
    "not a number": (
        MINIMAL + "train: {clip_gradient: .nan}\n",
        3,
        "train.clip_gradient",
        "'.nan' is no text",
    ),
    "lone surrogate": (MINIMAL + 'summary: "\\ud800"\n', 3, "summary", "is no text"),
    "surrogate key": (MINIMAL + '"\\ud800": 1\n', 3, "", "is not Unicode text"),
    "duplicate key": (MINIMAL + "seed: 1\nseed: 2\n", 4, "seed", "written twice, first in line 3"),
    "nested duplicate": (
        MINIMAL + "train:\n  epochs: 1\n  epochs: 2\n",
        5,
        "train.epochs",
        "written twice, first in line 4",
    ),
    "number as key": (MINIMAL + "1: 2\n", 3, "", "a key must be text"),
    "list as key": (MINIMAL + "? [a]\n: 2\n", 3, "", "a key must be text"),
    "merge key": (MINIMAL + "<<: {seed: 1}\n", 3, "<<", "unknown key"),
    "unknown key": (
        MINIMAL + "\n\nhaed: linear\n",
        5,
        "haed",
        "unknown key, did you mean 'head'.; known here: name,",
    ),
    "unknown nested key": (
        MINIMAL + "train:\n  epochs: 2\n  optimizer:\n    lr: 1\n    weight_deca: 1\n",
        7,
        "train.optimizer.weight_deca",
        "did you mean 'weight_decay'",
    ),
    "no backbone": ("name: x\n", 0, "backbone", "required, but missing"),
    "no name": ("backbone: tinynet\n", 0, "name", "required, but missing"),
    "empty name": ("name: ''\nbackbone: tinynet\n", 1, "name", "at least 1 character"),
    "text for a number": (MINIMAL + "seed: '3'\n", 3, "seed", 'valid integer, found "3"'),
    "fraction for an integer": (MINIMAL + "train: {epochs: 2.5}\n", 3, "train.epochs", "found 2.5"),
    "truth for a number": (MINIMAL + "seed: true\n", 3, "seed", "found true"),
    "number for text": ("name: 5\nbackbone: tinynet\n", 1, "name", "valid string, found 5"),
    "out of range": (
        MINIMAL + "train:\n  batch_size: 1\n",
        4,
        "train.batch_size",
        "greater than or equal to 2",
    ),
    "not one of": (MINIMAL + "train: {precision: fp8}\n", 3, "train.precision", "'bf16'.*found \"fp8\""),
    "mapping wanted": (MINIMAL + "train: 5\n", 3, "train", "mapping, found 5"),
    "list item": (
        MINIMAL + "data:\n  roles:\n    - treatment\n    - tretment\n",
        6,
        "data.roles.1",
        'found "tretment"',
    ),
    "unknown component": (
        "name: x\nbackbone: tinynt\n",
        2,
        "backbone.name",
        "no backbone is named 'tinynt', did you mean 'tinynet'.*rusty",
    ),
    "ambiguous component": ("name: x\nbackbone: twin\n", 2, "backbone.name", "acme/twin.*other/twin"),
    "component of another kind": (MINIMAL + "head: tinynet\n", 3, "head.name", "'tinynet' is a backbone"),
    "component no mapping": (MINIMAL + "head: [linear]\n", 3, "head", "mapping"),
    "component without a name": (MINIMAL + "head:\n  options: {}\n", 3, "head.name", "required, but missing"),
    "component with more": (
        MINIMAL + "head:\n  name: linear\n  option: {}\n",
        5,
        "head.option",
        "did you mean 'options'",
    ),
    "options no mapping": (
        MINIMAL + "head:\n  name: linear\n  options:\n",
        5,
        "head.options",
        "mapping, found null",
    ),
    "unknown option": (
        MINIMAL + "strategy:\n  name: mean-teacher\n  options:\n\n    ema_deca: 0.9\n",
        7,
        "strategy.options.ema_deca",
        "did you mean 'ema_decay'",
    ),
    "wrong option": (
        MINIMAL + "strategy:\n  name: mean-teacher\n  options:\n    ema_decay: 1.5\n",
        6,
        "strategy.options.ema_decay",
        "less than 1, found 1.5",
    ),
    "wrong nested option": (
        MINIMAL + "strategy:\n  name: mean-teacher\n  options:\n    ramp:\n      shape: cubic\n",
        7,
        "strategy.options.ramp.shape",
        'found "cubic"',
    ),
    "unknown nested option": (
        MINIMAL + "strategy:\n  name: mean-teacher\n  options:\n    ramp: {epoch: 1}\n",
        6,
        "strategy.options.ramp.epoch",
        "did you mean 'epochs'",
    ),
    "wrong item of an option": (
        MINIMAL + "strategy:\n  name: mean-teacher\n  options:\n    decay:\n      - [0, 0.5]\n      - [a, 1]\n",
        8,
        "strategy.options.decay.1.0",
        'found "a"',
    ),
    "options that do not go together": (
        MINIMAL + "strategy:\n  name: mean-teacher\n  options: {decay: [[5, 1.0], [0, 1.0]]}\n",
        5,
        "strategy.options",
        "epochs of decay must rise",
    ),
    "missing option": ("name: x\nbackbone: timm\n", 2, "backbone.options.model", "required, but missing"),
    "post-processor": (
        MINIMAL + "postprocessors:\n  - site-mean\n  - name: plate-grup\n",
        5,
        "postprocessors.1.name",
        "did you mean 'plate-group'",
    ),
    "post-processor option": (
        MINIMAL + "postprocessors:\n  - name: plate-group\n    options:\n      treshold: 1\n",
        6,
        "postprocessors.0.options.treshold",
        "did you mean 'threshold'",
    ),
    "post-processors no list": (MINIMAL + "postprocessors: site-mean\n", 3, "postprocessors", "array"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_fault_is_told_with_its_line_and_field(catalogue: Catalogue, case: str) -> None:
    text, line, field, message = BAD[case]
    with pytest.raises(RecipeError, match=message) as caught:
        parse_recipe(text, "bad.yaml", catalogue)
    [problem] = caught.value.problems
    assert (problem.source, problem.line, problem.field) == ("bad.yaml", line, field)
    assert "\n" not in str(problem)


def test_all_faults_are_told_at_once_in_the_order_of_the_file(catalogue: Catalogue) -> None:
    text = "nam: x\nseed: -1\nbackbone:\n  name: timm\n  options: {modell: y}\nhead: nothing\n"
    text += "train: {epochs: 0}\n"
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "bad.yaml", catalogue, sets=["data.image_size=1", "nowhere"])
    assert [(one.source, one.line, one.field) for one in caught.value.problems] == [
        ("bad.yaml", 0, "name"),
        ("bad.yaml", 1, "nam"),
        ("bad.yaml", 2, "seed"),
        ("bad.yaml", 5, "backbone.options.model"),
        ("bad.yaml", 5, "backbone.options.modell"),
        ("bad.yaml", 6, "head.name"),
        ("bad.yaml", 7, "train.epochs"),
        ("--set", 0, ""),
        ("--set", 0, "data.image_size"),
    ]
    assert str(caught.value).splitlines()[1].startswith("bad.yaml:1: nam: unknown key, did you mean 'name'?")


def test_aliases_that_multiply_are_refused(catalogue: Catalogue) -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    text = "\n".join([MINIMAL, "l0: &l0 [x, x, x, x, x, x, x, x, x]", *levels])
    with pytest.raises(RecipeError, match="more than 10,000 values once aliases are expanded"):
        parse_recipe(text, "bomb.yaml", catalogue)


@pytest.mark.parametrize("text", [MINIMAL, FULL])
def test_a_written_recipe_reads_back_the_same(catalogue: Catalogue, text: str) -> None:
    recipe, _ = parse_recipe(text, "x", catalogue)
    written = recipe_to_yaml(recipe)
    again, _ = parse_recipe(written, "y", catalogue)
    assert again == recipe
    assert recipe_to_yaml(again) == written
    assert "max_steps: null\n" in written
    assert recipe_hash(again) == recipe_hash(recipe)


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "no",
        "null",
        "~",
        "1e-3",
        "0x1",
        "2020-01-01",
        "<<",
        "=",
        "a: b",
        "- a",
        "*a",
        "&a",
        "!a",
        "# a",
        " a ",
        "",
        "\n a",
        "\x85",
        "\u2028x",
        "\ufeff",
    ]
)


@settings(max_examples=100)
@given(
    changes=st.fixed_dictionaries(
        {"name": WORDS.filter(bool), "summary": WORDS, "seed": st.integers(0, 2**63 - 1)}
    ),
    label=WORDS,
    units=st.lists(WORDS, max_size=4),
    rate=st.floats(1e-300, 1e300),
    peak=st.floats(allow_nan=False),
)
def test_any_recipe_reads_back_the_same(
    catalogue: Catalogue, changes: dict[str, Any], label: str, units: list[str], rate: float, peak: float
) -> None:
    recipe, _ = parse_recipe(FULL, "full.yaml", catalogue)
    fields = recipe.model_dump(mode="json") | changes
    fields["backbone"] = {"name": "tinynet", "options": {"width": 3, "label": label}}
    fields["strategy"]["options"]["peak"] = peak
    fields["data"]["split"]["test"] = units
    fields["train"]["optimizer"]["lr"] = rate
    changed = Recipe.model_validate(fields)
    again, _ = parse_recipe(recipe_to_yaml(changed), "again.yaml", catalogue)
    assert again == changed
    assert recipe_hash(again) == recipe_hash(changed)


def test_the_hash_ignores_prose_and_sees_everything_else(catalogue: Catalogue) -> None:
    def digest(*sets: str) -> str:
        return recipe_hash(parse_recipe(FULL, "full", catalogue, sets=sets).recipe)

    assert digest() == digest("name=other", "summary=other", "reproduces=other")
    others = [
        "seed=4",
        "train.epochs=6",
        "strategy.options.ramp.epochs=3",
        "postprocessors.0=plate-group",
        "reader=",
    ]
    assert len({digest(), *map(digest, others)}) == len(others) + 1
    assert len(digest()) == 64


def test_a_file_is_read_by_path(catalogue: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("\ufeffname: größer\nbackbone: tinynet\nseed: x\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"mine\.yaml:3: seed: "):
        read_recipe(file, catalogue)
    assert read_recipe(str(file), catalogue, sets=["seed=1"]).recipe.name == "größer"


def test_an_unknown_recipe_names_those_that_exist(catalogue: Catalogue) -> None:
    with pytest.raises(
        InputError, match=r"no recipe 'dmeo', did you mean 'demo'\?; built in are .*demo.*no file"
    ):
        read_recipe("dmeo", catalogue)
    for source in ("", "\0", "x" * 5000, "nowhere/x.yaml", Path("demo")):
        with pytest.raises(InputError):
            read_recipe(source, catalogue)


def test_a_file_that_is_no_text_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"name: x\nsummary: \xe4\n")
    with pytest.raises(RecipeError, match=r"latin\.yaml:2: not UTF-8 text: byte 0xe4"):
        read_recipe(file, catalogue)
    with pytest.raises(InputError, match="cannot be read"):
        read_recipe(tmp_path, catalogue)
    file.write_bytes(b"#" * 300_000)
    with pytest.raises(InputError, match="larger than 262,144 bytes"):
        read_recipe(file, catalogue)


def test_a_recipe_is_shown_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("# why\nname: x", encoding="utf-8")
    assert recipe_text(file) == "# why\nname: x"
    assert recipe_text("tiny") == builtin_text("tiny")


def test_other_options_are_checked_like_a_recipe() -> None:
    document = Document("preset demo", TrainOptions().model_dump(mode="json"))
    apply_overrides(document, ["epochs=3", "optimizer.lr=1e-2"])
    options = validate_options(document, TrainOptions)
    assert (options.epochs, options.optimizer.lr) == (3, 1e-2)
    apply_overrides(document, ["epoch=3", "batch_size=x"])
    with pytest.raises(RecipeError) as caught:
        validate_options(document, TrainOptions)
    assert [one.field for one in caught.value.problems] == ["batch_size", "epoch"]


def test_the_built_in_recipes() -> None:
    assert {"deepnoise", "wilds-erm", "demo", "tiny"} <= set(builtin_names())
    assert set(builtin_summaries()) == set(builtin_names())
    assert all(builtin_summaries().values())
    with pytest.raises(KeyError):
        builtin_text("../recipes/tiny")


@pytest.mark.parametrize("name", builtin_names())
def test_a_built_in_recipe_is_right_with_the_installed_plugins(name: str) -> None:
    catalogue = Catalogue(discover())
    recipe, notes = read_recipe(name, catalogue)
    assert (recipe.name, notes) == (name, ())
    assert parse_recipe(recipe_to_yaml(recipe), name, catalogue).recipe == recipe
    written = builtin_text(name)
    assert max(map(len, written.splitlines())) <= 120
    assert catalogue.find(Kind.BACKBONE, recipe.backbone.name)
    json.dumps(recipe.model_dump(mode="json"), allow_nan=False)
