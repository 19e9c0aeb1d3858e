"""Whether a bundle is what its manifest says: every file, every header, and what its network answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from deepnoise_core.contracts.errors import InputError, PluginError
from deepnoise_core.data.files import sha256_of
from deepnoise_core.data.names import some_of
from deepnoise_core.engine.devices import DeviceName, Hardware, pick_hardware
from deepnoise_core.engine.weight_files import check_header
from deepnoise_core.engine.weights import load_weights
from deepnoise_registry.bundles import Bundle, read_bundle, recipe_of
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.golden import difference, normalized_pixels, outputs_of, require_golden
from deepnoise_registry.manifest import CARD, GOLDEN, MANIFEST, Manifest, read_manifest
from deepnoise_registry.requirements import require_plugins
from deepnoise_registry.third_party import blaming

T = TypeVar("T")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        passed: whether it is as it must be.
        what: what was found.
    """

    name: str
    passed: bool
    what: str


@dataclass(frozen=True)
class Verification:
    """All that was looked at, in order; what rests on a check that failed is not looked at."""

    path: Path
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether everything passed."""
        return all(check.passed for check in self.checks)


def verify_bundle(path: Path, catalogue: Catalogue, *, device: DeviceName = "cpu") -> Verification:
    """Check a bundle's manifest, files, headers, recipe, weights and golden tensors.

    Files whose names begin with a dot, and the card, which people edit, may be there without a hash.

    Args:
        path: the bundle's folder.
        catalogue: where components are found.
        device: where the golden input is replayed, in the precision that prediction would take there.

    Raises:
        InputError: there is no such device.
    """
    hardware = pick_hardware(device, "auto")
    return Verification(path, tuple(_Checking(path, catalogue, hardware).run()))


@dataclass
class _Checking:
    """One pass over a bundle; `failed` tells what need not be looked at any more."""

    path: Path
    catalogue: Catalogue
    hardware: Hardware
    failed: list[str] = field(default_factory=list)

    def run(self) -> Iterator[Check]:
        manifest, check = self._tried("manifest", lambda: read_manifest(self.path), _described)
        yield check
        if manifest is None:
            return
        yield from self._files(manifest)
        for name in manifest.sha256:
            if name.endswith(".safetensors") and name not in self.failed:
                _, check = self._tried(
                    f"header of {name}",
                    partial(check_header, self.path / name),
                    lambda header: f"sound, {len(header.tensors):,} tensors, {header.data_size:,} bytes",
                )
                yield check
        _, check = self._tried(
            "plugins",
            lambda: require_plugins(self.path, manifest.requires, self.catalogue),
            lambda notes: "; ".join(notes) or "all in the same versions",
        )
        yield check
        _, check = self._tried(
            "recipe",
            lambda: recipe_of(self.path, manifest, self.catalogue),
            lambda recipe: f"{recipe.name!r}, of components that are installed",
        )
        yield check
        if self.failed:
            return
        bundle, check = self._tried(
            "weights",
            lambda: read_bundle(self.path, self.catalogue),
            lambda bundle: (
                f"fit the network: {sum(one.numel() for one in bundle.network.parameters()):,} parameters"
            ),
        )
        yield check
        if bundle is not None:
            yield from self._golden(bundle)

    def _files(self, manifest: Manifest) -> Iterator[Check]:
        for name, digest in manifest.sha256.items():
            fault = _file_fault(self.path / name, digest)
            if fault:
                self.failed.append(name)
            yield Check(f"file {name}", not fault, fault or "as it was written (sha256)")
        known = {*manifest.sha256, MANIFEST, CARD}
        strays = sorted(
            one.name for one in self.path.iterdir() if one.name not in known and not one.name.startswith(".")
        )
        yield Check("no other files", not strays, f"not of the bundle: {some_of(strays)}" if strays else "none")

    def _golden(self, bundle: Bundle) -> Iterator[Check]:
        record = bundle.manifest.golden
        if record is None:
            yield Check("golden tensors", passed=True, what="none: the bundle was written before there were any")
            return
        tensors, check = self._tried("golden tensors", lambda: self._read_golden(bundle), _sizes)
        yield check
        if tensors is None:
            return
        device, precision = self.hardware.device.type, self.hardware.precision
        tolerance = record.tolerances.get(device, {}).get(precision)
        if tolerance is None:
            yield Check(
                "golden tolerance", passed=False, what=f"the manifest tells none for {device} in {precision}"
            )
            return
        if record.normalized:
            images, check = self._tried(
                "normalizer runs",
                lambda: normalized_pixels(
                    tensors["pixels"], bundle.recipe, bundle.manifest.channels, self.catalogue
                ),
                lambda images: f"on {len(images)} sites",
            )
            yield check
            if images is not None:
                yield _close("normalizer gives the golden input", images, tensors["input"], 1e-5)
        outputs, check = self._tried(
            "network runs",
            lambda: outputs_of(bundle.network, tensors, self.hardware),
            lambda _: f"on {self.hardware}",
        )
        yield check
        for name, found in (outputs or {}).items():
            yield _close(f"golden {name}", found, tensors[name], tolerance)

    def _read_golden(self, bundle: Bundle) -> Mapping[str, Tensor]:
        tensors = load_weights(self.path / GOLDEN, bundle.manifest.sha256[GOLDEN])
        require_golden(tensors, len(bundle.manifest.classes), len(bundle.manifest.channels))
        return tensors

    def _tried(self, name: str, do: Callable[[], T], say: Callable[[T], str]) -> tuple[T | None, Check]:
        """What a step returns, and whether it went well; whatever a plugin raises is a fault of the bundle."""
        try:
            with blaming("a plugin failed"):
                done = do()
        except PluginError as error:
            self.failed.append(name)
            own = error.__cause__
            return None, Check(name, passed=False, what=str(own if isinstance(own, InputError) else error))
        return done, Check(name, passed=True, what=say(done))


def _described(manifest: Manifest) -> str:
    facts = f"format {manifest.format}, {len(manifest.classes):,} classes, {len(manifest.channels)} channels"
    return "; ".join((facts, *manifest.notes))


def _file_fault(file: Path, digest: str) -> str:
    if not file.is_file():
        return "missing; copy the bundle again"
    try:
        return "" if sha256_of(file) == digest else "differs from the manifest (sha256); copy the bundle again"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _sizes(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in tensors.items())


def _close(name: str, found: Tensor, expected: Tensor, tolerance: float) -> Check:
    if found.shape != expected.shape:
        return Check(name, passed=False, what=f"has the shape {list(found.shape)}, not {list(expected.shape)}")
    share = difference(found, expected)
    within = share <= tolerance
    return Check(name, within, f"shape {list(found.shape)}, differs by {share:.1e} of {tolerance:.0e} allowed")
