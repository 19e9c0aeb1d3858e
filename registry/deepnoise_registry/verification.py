"""Whether a bundle is what its manifest says: every file, every header, and what its network answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from deepnoise_core.contracts.errors import InputError, PluginError
from deepnoise_core.data.files import sha256_of
from deepnoise_core.data.names import some_of
from deepnoise_core.engine.devices import DeviceName, Hardware, pick_hardware
from deepnoise_core.engine.weight_files import check_header
from deepnoise_core.engine.weights import load_weights
from deepnoise_registry.bundles import Bundle, read_bundle, recipe_of
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.golden import difference, normalized_pixels, outputs_of, require_golden
from deepnoise_registry.manifest import CARD, GOLDEN, MANIFEST, RECIPE, Manifest, read_manifest
from deepnoise_registry.recipes.document import LARGEST
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
    checking = _Checking(path, catalogue, hardware)
    checking.run()
    return Verification(path, tuple(checking.checks))


@dataclass
class _Checking:
    """One pass over a bundle, its checks in order; `failed` tells what need not be looked at any more."""

    path: Path
    catalogue: Catalogue
    hardware: Hardware
    checks: list[Check] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def run(self) -> None:
        manifest = self._tried("manifest", lambda: read_manifest(self.path), _described)
        if manifest is None:
            return
        self._files(manifest)
        for name in manifest.sha256:
            if name.endswith(".safetensors") and name not in self.failed:
                self._tried(
                    f"header of {name}",
                    partial(check_header, self.path / name),
                    lambda header: f"sound, {len(header.tensors):,} tensors, {header.data_size:,} bytes",
                )
        self._tried(
            "plugins",
            lambda: require_plugins(self.path, manifest.requires, self.catalogue),
            lambda notes: "; ".join(notes) or "all in the same versions",
        )
        self._tried(
            "recipe",
            lambda: recipe_of(self.path, manifest, self.catalogue),
            lambda recipe: f"{recipe.name!r}, of components that are installed",
        )
        if self.failed:
            return
        bundle = self._tried(
            "weights",
            lambda: read_bundle(self.path, self.catalogue),
            lambda read: f"fit the network: {_count(read.network):,} parameters",
        )
        if bundle is not None:
            self._golden(bundle)

    def _files(self, manifest: Manifest) -> None:
        for name, digest in manifest.sha256.items():
            fault = _file_fault(self.path / name, digest)
            if fault:
                self.failed.append(name)
            self.checks.append(Check(f"file {name}", not fault, fault or "as it was written (sha256)"))
        known = {*manifest.sha256, MANIFEST, CARD}
        strays = sorted(
            one.name for one in self.path.iterdir() if one.name not in known and not one.name.startswith(".")
        )
        self.checks.append(
            Check("no other files", not strays, f"not of the bundle: {some_of(strays)}" if strays else "none")
        )

    def _golden(self, bundle: Bundle) -> None:
        record = bundle.manifest.golden
        if record is None:
            self._passed("golden tensors", "none: the bundle was written before there were any")
            return
        tensors = self._tried("golden tensors", lambda: self._read_golden(bundle), _sizes)
        if tensors is None:
            return
        device, precision = self.hardware.device.type, self.hardware.precision
        tolerance = record.tolerances.get(device, {}).get(precision)
        if tolerance is None:
            self._missed("golden tolerance", f"the manifest tells none for {device} in {precision}")
            return
        if record.normalized:
            images = self._tried(
                "normalizer runs",
                lambda: normalized_pixels(
                    tensors["pixels"], bundle.recipe, bundle.manifest.channels, self.catalogue
                ),
                lambda made: f"on {len(made)} sites",
            )
            if images is not None:
                self._close("normalizer gives the golden input", images, tensors["input"], 1e-5)
        outputs = self._tried(
            "network runs",
            lambda: outputs_of(bundle.network, tensors, self.hardware),
            lambda _: f"on {self.hardware}",
        )
        for name, found in (outputs or {}).items():
            self._close(f"golden {name}", found, tensors[name], tolerance)

    def _read_golden(self, bundle: Bundle) -> Mapping[str, Tensor]:
        tensors = load_weights(self.path / GOLDEN, bundle.manifest.sha256[GOLDEN])
        require_golden(tensors, len(bundle.manifest.classes), len(bundle.manifest.channels))
        return tensors

    def _tried(self, name: str, do: Callable[[], T], say: Callable[[T], str]) -> T | None:
        """What a step returns, None where it fails; whatever a plugin raises is a fault of the bundle."""
        try:
            with blaming("a plugin failed"):
                done = do()
        except PluginError as error:
            self.failed.append(name)
            own = error.__cause__
            self._missed(name, str(own if isinstance(own, InputError) else error))
            return None
        self._passed(name, say(done))
        return done

    def _close(self, name: str, found: Tensor, expected: Tensor, tolerance: float) -> None:
        if found.shape != expected.shape:
            self._missed(name, f"has the shape {list(found.shape)}, not {list(expected.shape)}")
            return
        share = difference(found, expected)
        said = f"shape {list(found.shape)}, differs by {share:.1e} of {tolerance:.0e} allowed"
        self.checks.append(Check(name, share <= tolerance, said))

    def _passed(self, name: str, what: str) -> None:
        self.checks.append(Check(name, passed=True, what=what))

    def _missed(self, name: str, what: str) -> None:
        self.checks.append(Check(name, passed=False, what=what))


def _described(manifest: Manifest) -> str:
    facts = f"format {manifest.format}, {len(manifest.classes):,} classes, {len(manifest.channels)} channels"
    return "; ".join((facts, *manifest.notes))


def _file_fault(file: Path, digest: str) -> str:
    if not file.is_file():
        return "missing; copy the bundle again"
    try:
        if file.name == RECIPE and file.stat().st_size > LARGEST:
            return f"is larger than {LARGEST:,} bytes, so it is no recipe"
        return "" if sha256_of(file) == digest else "differs from the manifest (sha256); copy the bundle again"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _sizes(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in tensors.items())


def _count(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())
