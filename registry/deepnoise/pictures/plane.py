"""The plane of signal and noise: where an embedding stands, and where each correction moves it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from deepnoise_core.evaluation.disentanglement import Disentanglement, Figure
from deepnoise_core.evaluation.disentanglement.figures import PROBES

_GREY, _COLOUR = "0.62", "#0072b2"


def draw_plane(steps: Mapping[str, Disentanglement], anchors: Mapping[str, Disentanglement], out: Path) -> None:
    """Signal upwards against noise, an arrow from one numbered step to the next, anchors in grey.

    Both axes run from chance (0) to certainty (1): of the perturbation probe, and of the probe that leaks most,
    experiment, plate or position. What cannot be measured is not drawn, and said where nothing can.

    Args:
        steps: name → embedding, in their order.
        anchors: name → embedding of known content.
        out: PNG to write.
    """
    canvas = Canvas(figsize=(6.4, 5.6), dpi=140, layout="constrained")
    axes = canvas.subplots()
    for name, one in _drawn(anchors).items():
        axes.plot(one.noise, one.signal, "o", color=_GREY, ms=6)
        _label(axes, name, one)
    shown = _drawn(steps)
    for before, after in pairwise(shown.values()):
        axes.annotate(
            "",
            (after.noise, after.signal),
            (before.noise, before.signal),
            arrowprops={"arrowstyle": "-|>", "color": _COLOUR, "lw": 1.2, "shrinkA": 7, "shrinkB": 7},
        )
    for number, (name, one) in enumerate(shown.items(), 1):
        axes.plot([one.noise] * 2, _ends(one.figures["perturbation_probe"]), color=_COLOUR, lw=1, alpha=0.5)
        axes.plot(_noise_ends(one), [one.signal] * 2, color=_COLOUR, lw=1, alpha=0.5)
        axes.plot(one.noise, one.signal, "o", color=_COLOUR, ms=12, label=f"{number}  {name}")
        axes.annotate(
            str(number), (one.noise, one.signal), color="w", fontsize=8, ha="center", va="center_baseline"
        )
    if shown:
        legend = axes.legend(frameon=False, loc="upper right", handlelength=0, handletextpad=0, borderaxespad=1.2)
        for handle in legend.legend_handles:
            handle.set_visible(False)  # type: ignore[union-attr]
    else:
        axes.text(0.5, 0.5, "these wells tell no signal or noise", color="0.4", ha="center")
    axes.text(0.02, 0.92, "↖ better", color="0.4", fontsize=9)
    leftmost = min((one.noise for one in (*shown.values(), *_drawn(anchors).values())), default=0.0)
    axes.set(xlim=(min(leftmost, 0.0) - 0.06, 1.08), ylim=(-0.08, 1.08))
    axes.set_xlabel("noise: what probes read of experiment, plate or position\n0 chance, 1 certainty")
    axes.set_ylabel("signal: what a probe reads of perturbations\nin unseen experiments; 0 chance, 1 certainty")
    axes.axhline(0, color="0.85", lw=0.8, zorder=0)
    axes.axvline(0, color="0.85", lw=0.8, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    canvas.savefig(out)


def _drawn(measured: Mapping[str, Disentanglement]) -> dict[str, Disentanglement]:
    return {name: one for name, one in measured.items() if np.isfinite([one.signal, one.noise]).all()}


def _label(axes: Axes, name: str, one: Disentanglement) -> None:
    """Beside its point, on the side where there is room; what is random lies close to what is constant."""
    right, above = one.noise < 0.6, name != "random"
    axes.annotate(
        name,
        (one.noise, one.signal),
        (8 if right else -8, 6 if above else -14),
        textcoords="offset points",
        ha="left" if right else "right",
        color=_GREY,
        fontsize=9,
    )


def _ends(figure: Figure) -> tuple[float, float]:
    """The interval of a figure from chance to certainty; its value twice where there is none."""
    low, high = ((end - figure.null) / (1 - figure.null) for end in (figure.low, figure.high))
    return (low, high) if np.isfinite(low) else (figure.excess, figure.excess)


def _noise_ends(one: Disentanglement) -> tuple[float, float]:
    """The interval of the probe that makes the coordinate."""
    probes = [one.figures[name] for name in PROBES if np.isfinite(one.figures[name].excess)]
    return _ends(max(probes, key=lambda probe: probe.excess))
