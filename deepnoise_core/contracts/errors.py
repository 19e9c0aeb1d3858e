"""The one exception tree.

Everything under `InputError` is a fault that a user can cause and mend: the command line prints its
message without a traceback and exits with 2. Anything else that escapes is a defect of deepnoise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class DeepnoiseError(Exception):
    """Root of all errors that deepnoise raises on purpose."""


class InputError(DeepnoiseError):
    """Something the user gave is wrong; the message names it, says what was found and what to do."""


class RecipeError(InputError):
    """One or more faults in a recipe, all reported at once, one line each.

    Attributes:
        problems: the faults in the order of the file.
    """

    def __init__(self, problems: Sequence[RecipeProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class RecipeProblem:
    """One fault: `source:line: field.path: message`; line 0 means that no single line is at fault."""

    source: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class UnknownComponentError(InputError):
    """No plugin offers a component of this kind and name."""


class AmbiguousComponentError(InputError):
    """Two plugins offer the same bare name."""


class ScreenError(InputError):
    """A screen's folder or metadata cannot be read as one table of sites."""


class ImageError(InputError):
    """An image file is missing, damaged, or of another size or type than its screen."""


class StatisticsError(InputError):
    """What is to be measured by has too few sites, or no spread."""


class SplitError(InputError):
    """A split names what does not exist, or leaves a part empty or a class without training wells."""


class PredictionsError(InputError):
    """Predictions are malformed, or do not belong to the screen or model at hand."""


class AssignmentError(InputError):
    """A plate cannot be assigned: too many wells, overlapping groups, or scores that are not numbers."""


class OutputError(InputError):
    """An output path is taken, cannot be written, or its disk is too small."""


class OtherWorkError(OutputError):
    """A folder in the making holds other work than was asked for, so that it cannot be gone on with."""


class TrainingError(InputError):
    """Training cannot start or go on: too few wells, a loss that is no number, a run that does not match."""


class ModelError(InputError):
    """A run or bundle is incomplete, damaged, or does not fit the screen."""


class HubError(InputError):
    """The Hub refuses, cannot be reached, or gives something else than was published."""


class PluginError(DeepnoiseError):
    """A plugin breaks the contract: a wrong record, a factory that does not import, a wrong type."""


def first_fault(error: ValidationError) -> str:
    """The first field of a file that is not as its model says, and what is wrong with it: `field: what`."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
