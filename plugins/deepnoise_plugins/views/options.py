"""What a view may change, and which views each component makes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from deepnoise_core.contracts import Options

Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Side = Annotated[float, Field(gt=0, le=1)]
Spread = Annotated[float, Field(ge=0)]


class _Ranges(Options):
    """Refuses a range that falls."""

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name in ("erase_area", "crop"):
            low, high = getattr(self, name) or (0.0, 0.0)
            if low > high:
                raise ValueError(f"{name} must be (low, high), but {low} > {high}")
        return self


class ViewOptions(_Ranges):
    """How one view changes an image; nothing by default."""

    flip: Probability = Field(0.0, description="probability of a flip, for each of the two axes")
    turn: Probability = Field(
        0.0, description="probability of a 90-degree turn; 0.5 with flip 0.5: all 8 symmetries"
    )
    move: Probability = Field(1.0, description="probability of the shift, scale, aspect change and rotation")
    shift: Share = Field(0.0, description="largest shift, as a share of the side")
    scale: Share = Field(0.0, description="largest relative change of size")
    aspect: Share = Field(0.0, description="largest relative change of width over height")
    rotation: Annotated[float, Field(ge=0, le=180)] = Field(0.0, description="largest free rotation, in degrees")
    crop: tuple[Side, Side] | None = Field(None, description="(low, high) side of a crop that is resized back")
    interpolation: Literal["bilinear", "nearest"] = Field("bilinear", description="how images are resampled")
    border: Literal["zeros", "reflection"] = Field(
        "zeros", description="what is seen beyond the border; reflected cells may look like dividing ones"
    )
    gain: Spread = Field(0.0, description="standard deviation of the factor of each channel, around 1")
    bias: Spread = Field(0.0, description="standard deviation of what is added to each channel")
    noise: Spread = Field(0.0, description="standard deviation of what is added to each pixel")
    drop: Probability = Field(0.0, description="probability that channels are set to 0")
    drop_channels: Annotated[int, Field(ge=1)] = Field(1, description="how many are set to 0; one is always left")
    erase: Probability = Field(0.0, description="probability of one box that is set to 0")
    erase_area: tuple[Share, Share] = Field((0.02, 0.4), description="share of the image that the box covers")
    erase_aspect: Side = Field(0.3, description="height over width of the box is between this and its inverse")

    @property
    def moves(self) -> bool:
        """Whether anything of the geometry may change."""
        amounts = (self.shift, self.scale, self.aspect, self.rotation)
        return bool(self.flip or self.turn or (self.move and any(amounts)) or self.crop)


class NamedViews(Options):
    """Options of a component that makes views."""

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, ViewOptions]:
        """View → how it changes an image."""


class DeepNoiseOptions(NamedViews, _Ranges):
    """How far the three levels go; the defaults are the published ones."""

    flip: Probability = Field(0.5, description="probability of each flip and of one 90-degree turn")
    shift_scale: Probability = Field(0.5, description="probability of the shift, scale and aspect change")
    shift: Share = Field(0.1, description="largest shift, as a share of the side")
    scale: Share = Field(0.1, description="largest relative change of size")
    aspect: Share = Field(0.1, description="largest relative change of width over height")
    erase: Probability = Field(0.5, description="normal and hard: probability of one erased box")
    erase_area: tuple[Share, Share] = Field((0.02, 0.4), description="share of the image that the box covers")
    erase_aspect: Side = Field(0.3, description="height over width of the box is between this and its inverse")
    crop: tuple[Side, Side] = Field((0.8, 0.99), description="hard: side of the crop that is resized back")

    @property
    def settings(self) -> Mapping[str, ViewOptions]:
        """Each level is the one before and something more."""
        easy = {
            "flip": self.flip,
            "turn": self.flip,
            "move": self.shift_scale,
            "shift": self.shift,
            "scale": self.scale,
            "aspect": self.aspect,
        }
        normal = {**easy, "erase": self.erase, "erase_area": self.erase_area, "erase_aspect": self.erase_aspect}
        levels = {"easy": easy, "normal": normal, "hard": {**normal, "crop": self.crop}}
        return {name: ViewOptions.model_validate(level) for name, level in levels.items()}


class _ViewByView(NamedViews):
    """Views whose settings may be changed one by one: what is not given keeps the default of its view."""

    @field_validator("*", mode="before")
    @classmethod
    def _over_the_defaults(cls, value: Any, info: ValidationInfo) -> Any:
        default = cls.model_fields[str(info.field_name)].default
        if not isinstance(value, Mapping):
            return value
        # Strict validation takes lists for tuples from JSON alone, and what is merged here is JSON no longer.
        given = {name: tuple(one) if isinstance(one, list) else one for name, one in value.items()}
        return {**default.model_dump(), **given}


_SYMMETRIES = ViewOptions(flip=0.5, turn=0.5, interpolation="nearest")


class WeakStrongOptions(_ViewByView):
    """The two views of FixMatch and its relatives."""

    weak: ViewOptions = Field(
        _SYMMETRIES.model_copy(update={"shift": 0.05}),
        description="the 8 symmetries, and a shift by whole pixels",
    )
    strong: ViewOptions = Field(
        ViewOptions(
            flip=0.5,
            turn=0.5,
            shift=0.1,
            scale=0.1,
            aspect=0.1,
            crop=(0.6, 1.0),
            gain=0.2,
            bias=0.2,
            noise=0.2,
            drop=0.25,
            erase=0.5,
            erase_area=(0.02, 0.3),
        ),
        description="and a crop, other sizes and intensities, noise, a channel left out, an erased box",
    )

    @property
    def settings(self) -> Mapping[str, ViewOptions]:
        """As they are set."""
        return {"weak": self.weak, "strong": self.strong}


class FirstPlaceOptions(_ViewByView):
    """The augmentation of the first place of Recursion's challenge.

    A turn after flips at 0.5 makes the same eight symmetries, as often each, as its transpose did.
    """

    easy: ViewOptions = Field(_SYMMETRIES, description="the 8 symmetries")
    normal: ViewOptions = Field(
        ViewOptions(flip=0.5, turn=0.5, crop=(0.5, 1.0), interpolation="nearest", gain=0.1, bias=0.1),
        description="and a crop, gain and bias; the view hard is the same",
    )

    @property
    def settings(self) -> Mapping[str, ViewOptions]:
        """Easy as for evaluation, normal as for training."""
        return {"easy": self.easy, "normal": self.normal, "hard": self.normal}


class FreeOptions(NamedViews):
    """Views by any names."""

    views: Annotated[dict[str, ViewOptions], Field(min_length=1)] = Field(
        {"normal": _SYMMETRIES}, description="name of the view: how it changes an image"
    )

    @property
    def settings(self) -> Mapping[str, ViewOptions]:
        """As they are set."""
        return self.views
