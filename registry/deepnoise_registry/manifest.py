"""The manifest of a bundle: what it is, what it needs, and the hash of each of its files. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from deepnoise_core.contracts import Kind
from deepnoise_core.contracts.errors import ModelError, first_fault

WEIGHTS, RECIPE, MANIFEST = "model.safetensors", "recipe.yaml", "manifest.json"
GOLDEN, NORMALIZER, CARD = "golden.safetensors", "normalizer.safetensors", "README.md"

MAJOR, MINOR = 1, 1
LARGEST = 16 * 2**20
"""Bytes that a manifest may have; that of 1,108 classes has 40,000."""

_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

# Both are printed as a line to paste into a shell.
Distribution = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$", max_length=100)]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9.+!_-]*$", max_length=100)]


class _Record(BaseModel):
    """Fields that a later minor version adds are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Requirement(_Record):
    """Who provided a component when the bundle was written."""

    kind: Kind
    name: str
    plugin: str
    distribution: Distribution
    version: Version


class Result(_Record):
    """One number that was measured of the network."""

    metric: str
    value: float
    part: str = Field(description="wells that it was measured on: `validation`, `test`, …")
    stage: str = Field(description="of the predictions: `raw`, `group` or `assigned`")
    protocol: str = Field("", description="rules by which it was measured; empty where there are none")
    screen: str = Field("", description="name of the screen that the wells are of; empty: that of training")


class GoldenRecord(_Record):
    """How closely the golden tensors must be met."""

    tolerances: dict[str, dict[str, float]] = Field(
        description="device → precision → largest difference, as a share of the largest expected number"
    )
    normalized: bool = Field(description="whether `input` is what the recipe's normalizer makes of `pixels`")


class Manifest(_Record):
    """What a bundle says of itself."""

    format: str = f"{MAJOR}.{MINOR}"
    deepnoise: Version = Field("", description="the version that wrote it")
    name: str
    classes: tuple[str, ...]
    control_classes: tuple[str, ...] = Field((), description="the last of the classes, which controls alone show")
    conditions: tuple[str, ...] = Field((), description="cell types that the network is told of, in its order")
    channels: tuple[str, ...]
    image_shape: tuple[int, int] = Field(description="height and width of the stored training images")
    input_shape: tuple[int, int] | None = Field(None, description="height and width that the network was given")
    normalizer: str = Field("", description="`plugin/name` of the normalizer, which is fitted on each screen")
    postprocessors: tuple[str, ...] = Field((), description="`plugin/name` of each, in their order")
    groups: tuple[tuple[int, ...], ...] = Field(description="class indices of each plate group")
    exclusive: bool = Field(description="whether a class occurs at most once on a plate")
    cyclic: bool = Field(description="whether the groups follow each other in this order on all training plates")
    capacity: tuple[int, ...] = Field((), description="how often each class may come on a plate; empty: unknown")
    sets: tuple[str, ...] = Field((), description="what the screen calls each group; empty where they were found")
    data_licence: str | None = Field(None, description="licence of the images; null where nobody said")
    results: tuple[Result, ...] = ()
    training: dict[str, Any] = Field(description="screen, target, seed, units of each part, metrics, versions")
    golden: GoldenRecord | None = Field(None, description="null in bundles of format 1.0")
    requires: tuple[Requirement, ...]
    sha256: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]

    @field_validator("sha256")
    @classmethod
    def _names_stay_inside(cls, files: dict[str, str]) -> dict[str, str]:
        odd = [name for name in files if not _FILE.fullmatch(name)]
        if odd:
            raise ValueError(f"{odd[0]!a:.100} is no name of a file of a bundle")
        if len({name.lower() for name in files}) < len(files):
            raise ValueError("two names differ by their case alone")
        missing = [name for name in (WEIGHTS, RECIPE) if name not in files]
        if missing:
            raise ValueError(f"lacks the hash of {missing[0]}")
        return files

    @model_validator(mode="after")
    def _golden_tensors_are_hashed(self) -> Self:
        if (self.golden is not None) != (GOLDEN in self.sha256):
            raise ValueError(f"golden and the hash of {GOLDEN} must be there together")
        return self

    @property
    def scored_classes(self) -> tuple[str, ...]:
        """The classes that are predicted: all but those of controls alone."""
        return self.classes[: len(self.classes) - len(self.control_classes)]

    @property
    def identity(self) -> str:
        """SHA-256 of all that is said here but results: that of one model, whatever was measured of it."""
        said = self.model_dump(mode="json", exclude={"results"}, exclude_unset=True)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    @property
    def temperature(self) -> float | None:
        """What wells' logits are divided by to tell a probability, as validation wells say; None without them."""
        temperature: float | None = self.training.get("best", {}).get("validation_temperature")
        return temperature

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know where a later minor version wrote it."""
        if int(self.format.partition(".")[2]) <= MINOR:
            return ()
        unknown = ", ".join(sorted(self.model_extra or {})) or "nothing at its top"
        return (
            f"the bundle {self.name!r} has format {self.format}, and this deepnoise knows {MAJOR}.{MINOR}; "
            f"it ignores {unknown}; {upgrade(self.deepnoise)} to use all of it",
        )


def read_manifest(bundle: Path) -> Manifest:
    """The manifest of a bundle's folder; no other file is looked at.

    Raises:
        ModelError: it is missing, malformed or of another major version; says which to install then.
    """
    path = bundle / MANIFEST
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise ModelError(
            f"{bundle}: is no bundle, since it has no {MANIFEST}; give the folder of a run or a bundle"
        ) from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > LARGEST:
        raise ModelError(f"{path}: is larger than {LARGEST:,} bytes, so it is no manifest")
    return parse_manifest(raw, str(path))


def parse_manifest(raw: bytes, source: str) -> Manifest:
    """The manifest in these bytes; errors as of `read_manifest`, which begin with `source`."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{source}: the file: not JSON ({error}); copy the bundle again") from None
    _require_known_format(found, source)
    try:
        return Manifest.model_validate(found)
    except ValidationError as error:
        raise ModelError(f"{source}: {first_fault(error)}; copy the bundle again") from None


def upgrade(wanted: str) -> str:
    """The line that installs this version of deepnoise, or the newest where it is not known."""
    return f"pip install 'deepnoise>={wanted}'" if wanted else "pip install -U deepnoise"


def _require_known_format(found: object, source: str) -> None:
    """Refuse what is no bundle, or one of another major version, before its fields are looked at."""
    said = found.get("format") if isinstance(found, dict) else None
    if not isinstance(said, str) or not re.fullmatch(r"\d{1,6}\.\d{1,6}", said):
        raise ModelError(f"{source}: format: {str(said)!a:.40} is no format of a bundle; copy the bundle again")
    if int(said.partition(".")[0]) != MAJOR:
        writer = found.get("deepnoise")  # type: ignore[attr-defined]
        named = writer if isinstance(writer, str) and re.fullmatch(r"[A-Za-z0-9.+!_-]{1,100}", writer) else ""
        raise ModelError(
            f"{source}: a bundle of format {said}, and deepnoise {version('deepnoise')} reads {MAJOR}.x; "
            f"{upgrade(named)}"
        )
