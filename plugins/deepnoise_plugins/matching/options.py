"""Options of FixMatch and its relatives; the defaults are those of the papers, or of USB (arXiv 2208.07204)."""

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts import Options, TestTimeViews

Share = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class MatchingOptions(Options):
    """What the whole family shares: the weight of the pool, the passes and the averaged network."""

    weight: Annotated[float, Field(ge=0)] = Field(1.0, description="weight λ of the loss of the pool")
    ramp_share: Share = Field(0.0, description="share of training over which λ rises linearly; 0 for λ at once")
    joint: bool = Field(
        default=True, description="whether labelled images and the pool are one pass, and share batch statistics"
    )
    ema: Decay = Field(0.999, description="decay of the averaged network")
    cap: bool = Field(
        default=True, description="whether the decay is at most 1 - 1/(step + 1), while the average is young"
    )
    publish: Literal["teacher", "student"] = Field(
        "teacher", description="which network is evaluated: the averaged one, or the one that learns"
    )


class TwoViewOptions(MatchingOptions):
    """The views of the strategies that compare two."""

    supervised_view: str = Field("weak", description="labelled view of the cross-entropy")
    weak_view: str = Field("weak", description="view of the pool that gives the target")
    strong_view: str = Field("strong", description="view of the pool that learns it")


class FixMatchOptions(TwoViewOptions):
    """Options of FixMatch."""

    threshold: Share = Field(0.95, description="confidence from which an image of the pool is learned from")


class PseudoLabelOptions(MatchingOptions):
    """Options of pseudo-labels, as USB has them."""

    ramp_share: Share = Field(0.4, description="share of training over which λ rises linearly; 0 for λ at once")
    joint: bool = Field(
        default=False, description="whether labelled images and the pool are one pass, and share batch statistics"
    )
    supervised_view: str = Field("weak", description="labelled view of the cross-entropy")
    view: str = Field("weak", description="view of the pool that gives the label and learns it")
    threshold: Share = Field(0.95, description="confidence from which an image of the pool is learned from")


class FreeMatchOptions(TwoViewOptions):
    """Options of FreeMatch."""

    momentum: Decay = Field(0.999, description="decay of the averages from which thresholds come")
    fairness: Annotated[float, Field(ge=0)] = Field(
        0.001, description="weight of the term that keeps classes equally frequent"
    )
    highest: Share = Field(1.0, description="limit of the threshold of all classes; 0.95 for SVHN in the paper")


class SoftMatchOptions(TwoViewOptions):
    """Options of SoftMatch."""

    momentum: Decay = Field(0.999, description="decay of the averages of confidence and classes")
    width: Annotated[float, Field(gt=0)] = Field(
        2.0, description="standard deviations of confidence that one of the Gaussian spans (n of the paper)"
    )
    align: bool = Field(
        default=True, description="whether confidence is judged as if classes were equally frequent"
    )


class UdaOptions(TwoViewOptions):
    """Options of unsupervised data augmentation."""

    threshold: Share = Field(0.8, description="confidence from which an image of the pool is learned from")
    temperature: Annotated[float, Field(gt=0)] = Field(
        0.4, description="temperature of the target's softmax; below 1 it is sharpened"
    )
    annealing: Literal["none", "linear", "exponential", "logarithmic"] = Field(
        "none", description="schedule by which labelled images that are known too well are released"
    )


class NoisyStudentOptions(MatchingOptions):
    """Options of the noisy student."""

    rounds: Annotated[int, Field(ge=1)] = Field(
        3, description="times the pool is labelled, at even distances; before the first, labels alone are learned"
    )
    threshold: Share = Field(0.3, description="confidence from which a well of the pool is learned from")
    tta: TestTimeViews = Field("none", description="copies of each image over which its label is averaged")
    view: str = Field(
        "strong", description="view of labelled images and of the pool that the student learns from"
    )


class PlateAlignedOptions(FixMatchOptions):
    """Options of FixMatch with known plates."""

    per: Literal["experiment", "plate"] = Field(
        "experiment", description="over which images the frequencies of guessed classes are averaged"
    )
    momentum: Decay = Field(0.99, description="decay of these averages, a step that sees an image")
    refresh_every: Annotated[int, Field(ge=1)] = Field(
        1, description="epochs after which the groups of plates are estimated anew"
    )
