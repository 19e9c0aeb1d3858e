"""Stages and folds: the trainings that a recipe stands for, and what is wrong with it."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts import Kind, TrainOptions
from deepnoise_core.contracts.errors import InputError, RecipeError
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes import Recipe, parse_recipe, recipe_schema, recipe_to_yaml
from deepnoise_registry.recipes.stages import parts_of, scaled_epochs

TWO = """\
name: two
backbone: tinynet
head: {name: arcface, options: {scale: 20}}
data: {split: {column: dataset}}
train: {epochs: 7}
stages:
  - name: pretrain
    strategy: supervised
  - name: fine-tune
    by: cell_type
    head_start: new
    strategy: {name: mean-teacher, options: {ema_decay: 0.5}}
    train: {epochs: 8}
    epoch_ratio: {RPE: 0.5}
"""
CELL_TYPES = ["HUVEC", "RPE"]


def two(catalogue: Catalogue, text: str = TWO, **changes: object) -> Recipe:
    return parse_recipe(text, "two.yaml", catalogue).recipe.model_copy(update=changes)


def test_stages_are_filled_and_read_back(catalogue: Catalogue) -> None:
    recipe = two(catalogue)
    assert recipe.stages[1].strategy is not None
    assert recipe.stages[1].strategy.options["ramp"] == {"epochs": 5.0, "shape": "sigmoid"}
    assert parse_recipe(recipe_to_yaml(recipe), "again", catalogue).recipe == recipe


def test_parts_follow_each_other(catalogue: Catalogue) -> None:
    first, huvec, rpe = parts_of(two(catalogue), CELL_TYPES)
    assert (first.path, first.after, first.member) == ("pretrain", None, False)
    assert (huvec.path, huvec.after, huvec.head, huvec.member) == ("fine-tune/HUVEC", "pretrain", "new", True)
    assert (first.recipe.train.epochs, huvec.recipe.train.epochs, rpe.recipe.train.epochs) == (7, 8, 4)
    assert (first.recipe.data.cell_types, rpe.recipe.data.cell_types) == (None, ("RPE",))
    assert rpe.recipe.strategy.name == "mean-teacher"
    assert rpe.recipe.head == two(catalogue).head
    assert (rpe.recipe.stages, rpe.recipe.name) == ((), "two-fine-tune-RPE")


def test_folds_repeat_all_stages(catalogue: Catalogue) -> None:
    parts = parts_of(two(catalogue), CELL_TYPES, folds=3)
    own = ["pretrain", "fine-tune/HUVEC", "fine-tune/RPE"]
    assert [part.path for part in parts[3:6]] == [f"fold-1/{name}" for name in own]
    assert {part.after for part in parts[3:6]} == {None, "fold-1/pretrain"}
    assert [(part.recipe.data.split.folds, part.recipe.data.split.fold) for part in parts[::3]] == [
        (3, 0),
        (3, 1),
        (3, 2),
    ]
    alone = parts_of(two(catalogue, stages=()), CELL_TYPES, folds=2)
    assert [(part.path, part.member) for part in alone] == [("fold-0", True), ("fold-1", True)]


def test_a_cell_type_goes_on_from_its_own_network(catalogue: Catalogue) -> None:
    third = TWO + "  - {name: last, by: cell_type, cell_types: [RPE]}\n"
    *_, last = parts_of(two(catalogue, third), CELL_TYPES)
    assert (last.path, last.after, last.recipe.train.epochs) == ("last/RPE", "fine-tune/RPE", 7)
    second = third.replace("    by: cell_type\n    head", "    by: cell_type\n    cell_types: [HUVEC]\n    head")
    with pytest.raises(InputError, match=r"'last' needs a network of cell type 'RPE'.*it makes HUVEC"):
        parts_of(two(catalogue, second), CELL_TYPES)
    with pytest.raises(InputError, match="'last' is to learn from cell type 'RPE', but the screen has HUVEC"):
        parts_of(two(catalogue, third), ["HUVEC"])


def test_folders_of_odd_cell_types_stay_in_their_series(catalogue: Catalogue) -> None:
    parts = parts_of(two(catalogue), ["..", "a/b", "MCF 7"])
    assert [part.path for part in parts[1:]] == ["fine-tune/%2E%2E", "fine-tune/a%2Fb", "fine-tune/MCF 7"]


@given(st.integers(1, 400), st.lists(st.floats(0.01, 4), min_size=2, max_size=5))
def test_more_of_the_epochs_are_more_epochs(epochs: int, ratios: list[float]) -> None:
    train = TrainOptions(epochs=epochs)
    scaled = [scaled_epochs(train, ratio) for ratio in sorted(ratios)]
    assert scaled_epochs(train, 1) == epochs
    assert all(1 <= one <= two for one, two in pairwise(scaled))


@pytest.mark.parametrize(
    ("before", "after", "line", "field", "message"),
    [
        ("supervised", "supervisd", 8, "stages.0.strategy.name", "did you mean 'supervised'"),
        ("ema_decay: 0.5", "ema_decay: 2", 12, "stages.1.strategy.options.ema_decay", "less than 1"),
        ("head_start: new", "head_strt: new", 11, "stages.1.head_strt", "did you mean 'head_start'"),
        ("name: fine-tune", "name: ../up", 9, "stages.1.name", "pattern"),
        ("name: fine-tune", "name: pretrain", 6, "stages", "two are named 'pretrain'"),
        ("epochs: 8", "initial: {weights: x}", 6, "stages", "'fine-tune' starts from 'pretrain'; take initial"),
        ("RPE: 0.5", "RPE: 0", 14, "stages.1.epoch_ratio.RPE", "greater than 0"),
        ("    by: cell_type\n", "", 9, "stages.1", "epoch_ratio is of a stage that is by: cell_type"),
        (
            "  - name: pretrain\n",
            "  - name: pretrain\n    by: cell_type\n  - name: middle\n",
            6,
            "stages",
            "'middle' is to start from one network, but 'pretrain' makes one for each",
        ),
    ],
)
def test_faults_of_stages_are_told_with_their_lines(
    catalogue: Catalogue, before: str, after: str, line: int, field: str, message: str
) -> None:
    assert before in TWO
    with pytest.raises(RecipeError, match=re.escape(message)) as caught:
        two(catalogue, TWO.replace(before, after, 1))
    [problem] = caught.value.problems
    assert (problem.line, problem.field) == (line, field)


def test_stages_are_changed_by_number(catalogue: Catalogue) -> None:
    sets = ["stages.1.strategy=supervised", "stages.0.train.epochs=1", "stages.1.head.options.scale=5"]
    with pytest.raises(RecipeError, match="required"):
        parse_recipe(TWO, "two", catalogue, sets=sets)
    recipe, notes = parse_recipe(TWO, "two", catalogue, sets=[*sets, "stages.1.head=arcface"])
    first, second = recipe.stages
    assert notes == ("stages.1.strategy: supervised replaces mean-teacher, whose options are dropped: ema_decay",)
    assert (first.train and first.train.epochs, second.strategy and second.strategy.name) == (1, "supervised")
    assert second.head is not None
    assert second.head.options["scale"] == 5


def test_the_schema_offers_components_to_stages(catalogue: Catalogue) -> None:
    properties = recipe_schema(catalogue)["$defs"]["StageOptions"]["properties"]
    names = {catalogue.canonical_name(offer) for offer in catalogue.offers(Kind.STRATEGY)}
    assert {"type": "null"} in properties["strategy"]["oneOf"]
    titles = {choice.get("title") for choice in properties["strategy"]["oneOf"]}
    assert names <= titles
