"""What the words of command-line options mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, get_args

from deepnoise.model import PartName
from deepnoise_core.contracts import Stage
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.contracts.plan import BadImages, TestTimeViews
from deepnoise_core.evaluation.protocols import Protocol

if TYPE_CHECKING:
    from deepnoise.comparisons.comparison import Metric
    from deepnoise.pictures.embedding_map import Method


def part_name(word: str) -> PartName:
    """The part that a word names.

    Raises:
        InputError: it names none.
    """
    return cast(PartName, _one_of("--part", word, get_args(PartName)))


def bad_images_policy(word: str | None) -> BadImages | None:
    """What becomes of bad images, by its word.

    Raises:
        InputError: the word is none.
    """
    return None if word is None else cast(BadImages, _one_of("--bad-images", word, get_args(BadImages)))


def test_time_views(word: str | None) -> TestTimeViews | None:
    """The copies of each image that are averaged, by their word.

    Raises:
        InputError: the word names none.
    """
    return None if word is None else cast(TestTimeViews, _one_of("--tta", word, get_args(TestTimeViews)))


def map_method(word: str) -> Method:
    """How embeddings are laid out, by its word.

    Raises:
        InputError: the word names none.
    """
    return cast("Method", _one_of("--layout", word, ("auto", "umap", "pca")))


def names(text: str | None) -> tuple[str, ...]:
    """Words between commas; none where there is no text."""
    return tuple(word.strip() for word in text.split(",")) if text else ()


def numbers(option: str, text: str | None) -> list[float] | None:
    """Numbers between commas.

    Raises:
        InputError: one of them is none.
    """
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{option} {text}: give numbers between commas, as in 2,1,1") from error


def counts(option: str, text: str) -> tuple[int, ...]:
    """Whole numbers from 1 between commas, ascending and each once.

    Raises:
        InputError: one of them is none.
    """
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) for part in parts):
        raise InputError(f"{option} {text}: give whole numbers from 1 between commas, as in 1,5,10")
    return tuple(sorted({int(part) for part in parts}))


def protocol_name(word: str | None) -> Protocol | None:
    """The protocol that a word names.

    Raises:
        InputError: it names none.
    """
    return None if word is None else Protocol(_one_of("--protocol", word, tuple(Protocol)))


def metric_name(word: str) -> Metric:
    """The figure of an evaluation that a word names.

    Raises:
        InputError: it names none.
    """
    return cast("Metric", _one_of("--metric", word, ("accuracy", "balanced", "ece", "nll")))


def stage_name(word: str | None) -> Stage | None:
    """The stage that a word names.

    Raises:
        InputError: it names none.
    """
    return None if word is None else Stage(_one_of("--stage", word, tuple(Stage)))


def _one_of(option: str, word: str, known: tuple[str, ...]) -> str:
    if word not in known:
        raise InputError(f"{option} {word} is none of {', '.join(known)}")
    return word
