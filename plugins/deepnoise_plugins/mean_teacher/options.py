"""Options of the mean teachers; the defaults are DeepNoise's (arXiv 2209.05772)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deepnoise_core.contracts import Options, TestTimeViews

Decay = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class MeanTeacherOptions(Options):
    """Distance, weight, ramp, averaging and views of the mean teacher.

    | as published by | settings that differ from the defaults |
    |---|---|
    | DeepNoise | none |
    | Tarvainen & Valpola | one view for all three; `decay: [[0, 0.99]]` |
    | USB | `consistency: 50`, `ramp: linear`, `ramp_share: 0.4`, `cap: false`, `decay: [[0, 0.999]]`, \
`buffers: copy`, `on_labelled: false`, and the weak view for the teacher |
    """

    consistency: Annotated[float, Field(ge=0)] = Field(
        100.0, description="weight λ of the consistency; nothing is compared where it is 0"
    )
    distance: Literal["mse", "kl"] = Field(
        "mse", description="squared distance of the softmaxes, or KL(teacher ‖ student), summed over classes"
    )
    reduction: Literal["class_mean", "class_sum"] = Field(
        "class_mean", description="of mse: class_mean divides the squared distance by K and so shrinks with K"
    )
    ramp: Literal["sigmoid", "linear"] = Field(
        "sigmoid", description="how λ rises: exp(-5 (1 - t)^2), or t itself, with t from 0 to 1"
    )
    ramp_epochs: Annotated[float, Field(ge=0)] = Field(5.0, description="epochs that the ramp takes")
    ramp_share: Share | None = Field(
        None, description="share of training that the ramp takes, in place of ramp_epochs; null to count epochs"
    )
    decay: tuple[tuple[Annotated[float, Field(ge=0)], Decay], ...] = Field(
        ((0.0, 0.5), (1.0, 0.9), (10.0, 0.99), (20.0, 0.999)),
        description="(epoch from which it holds, decay of the average)",
    )
    cap: bool = Field(
        default=True, description="whether the decay is at most 1 - 1/(step + 1), while the teacher is young"
    )
    buffers: Literal["own", "copy", "average"] = Field(
        "own", description="batch-norm statistics: the teacher's own, the student's, or averaged"
    )
    on_labelled: bool = Field(default=True, description="whether labelled images are compared too")
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


class MeanTeacherPseudoOptions(MeanTeacherOptions):
    """The mean teacher's options, and those of its pseudo-labels."""

    pseudo_weight: Share = Field(
        0.05, description="weight w of the cross-entropy with pseudo-labels; that with labels weighs 1 - w"
    )
    from_share: Share = Field(
        0.125, description="share of training after which pseudo-labels are learned from, in whole epochs"
    )
    refresh: Literal["best", "every"] = Field(
        "best", description="when they are renewed: as the published network becomes the best yet, or each epoch"
    )
    blend: Annotated[float, Field(gt=0, le=1)] = Field(
        0.9, description="share of the new logits of a well; the rest is what it had before"
    )
    tta: TestTimeViews = Field("flips", description="copies of each image over which the teacher is averaged")
    prior: Literal["none", "group", "assigned"] = Field(
        "assigned",
        description="what is known of plates: nothing, the plate's group of classes, or one class a well too",
    )
