"""Evaluations as they were written to JSON: what is read of them, by whatever tells of them later."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from deepnoise_core.contracts.errors import PredictionsError, first_fault

LARGEST = 64 * 2**20
"""Bytes that a file may have; the evaluation of ten thousand plates has four million."""


class StageFigures(BaseModel):
    """How one stage did."""

    accuracy: float | None
    balanced: float | None
    top: dict[int, float | None] = {}


class Confidence(BaseModel):
    """How far confidence can be trusted."""

    ece: float
    nll: float


class Judgement(BaseModel):
    """One evaluation; the attributes are those of `deepnoise_core.evaluation.accuracy.Evaluation`."""

    model_config = ConfigDict(frozen=True)

    unit: str
    protocol: str
    wells: int
    classes: int
    part: str
    screen: str
    transductive: tuple[str, ...]
    stages: dict[str, StageFigures]
    by: dict[str, dict[str, dict[str, float | None]]]
    calibration: Confidence | None = None
    made_by: dict[str, str] = {}


class _Several(BaseModel):
    evaluations: dict[str, Judgement]


def read_judgements(file: Path) -> dict[str, Judgement]:
    """The evaluations in a file that `deepnoise evaluate --out` wrote, by the names of their folders.

    The evaluation of a single folder has the empty name.

    Raises:
        PredictionsError: the file cannot be read, is too large, or is no evaluation.
    """
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise PredictionsError(f"{file}: is larger than {LARGEST:,} bytes, so it is no evaluation")
        if b'"evaluations"' in raw:
            return _Several.model_validate_json(raw).evaluations
        return {"": Judgement.model_validate_json(raw)}
    except OSError as error:
        raise PredictionsError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        raise PredictionsError(
            f"{file}: {first_fault(error)}; give what deepnoise evaluate --out wrote with this version"
        ) from None
