"""What the words of command-line options mean."""

from __future__ import annotations

from typing import Literal, cast, get_args

from deepnoise.model import PartName
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.contracts.plan import BadImages, TestTimeViews


def part_name(word: str) -> PartName:
    """The part that a word names.

    Raises:
        InputError: it names none.
    """
    return cast(PartName, _one_of("--part", word, get_args(PartName)))


def unit_name(word: str) -> Literal["experiment", "plate"]:
    """What is left out together, by its word.

    Raises:
        InputError: the word is none.
    """
    return cast(Literal["experiment", "plate"], _one_of("--leave-out", word, ("experiment", "plate")))


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


def _one_of(option: str, word: str, known: tuple[str, ...]) -> str:
    if word not in known:
        raise InputError(f"{option} {word} is none of {', '.join(known)}")
    return word
