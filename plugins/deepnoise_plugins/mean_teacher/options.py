"""Options of the strategy `mean-teacher`; the defaults are DeepNoise's (arXiv 2209.05772)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deepnoise_core.contracts import Options

Decay = Annotated[float, Field(ge=0, lt=1)]


class MeanTeacherOptions(Options):
    """Weights, ramp, averaging and views of the mean teacher."""

    consistency: Annotated[float, Field(ge=0)] = Field(100.0, description="weight λ of the consistency loss")
    reduction: Literal["class_mean", "class_sum"] = Field(
        "class_mean", description="class_mean divides the squared distance by K and so shrinks with K"
    )
    ramp_epochs: Annotated[float, Field(ge=0)] = Field(
        5.0, description="epochs of the sigmoid ramp exp(-5 (1 - t)^2) of the weight"
    )
    decay: tuple[tuple[Annotated[float, Field(ge=0)], Decay], ...] = Field(
        ((0.0, 0.5), (1.0, 0.9), (10.0, 0.99), (20.0, 0.999)),
        description="(epoch from which it holds, decay of the average); capped by 1 - 1/(step + 1)",
    )
    buffers: Literal["own", "copy", "average"] = Field(
        "own", description="batch-norm statistics: the teacher's own, the student's, or averaged"
    )
    supervised_view: str = Field("normal", description="labelled view of the cross-entropy")
    student_view: str = Field("easy", description="view of the student in the consistency")
    teacher_view: str = Field("hard", description="view of the teacher in the consistency")
    publish: Literal["teacher", "student"] = Field("teacher", description="which network is evaluated")

    @model_validator(mode="after")
    def _decay_starts_at_zero_and_rises(self) -> Self:
        starts = [start for start, _ in self.decay]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("decay must be a list of (epoch, decay) that starts at epoch 0 with rising epochs")
        return self
