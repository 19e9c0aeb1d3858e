"""Protocols: by which rules an accuracy was made, without which it compares with nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.names import natural_key, some_of


class Protocol(StrEnum):
    """Rules of an evaluation.

    `rcic` are those of the competition of 2019 (Recursion Cellular Image Classification): wells of treatments of
    its 18 test experiments among 1,108 classes; whatever is known of plates and of the test images may be used.
    `wilds` are those of RxRx1-WILDS (Koh et al., ICML 2021): single sites, controls among the 1,139 classes,
    three channels, nothing that looks at the test screen. `custom` is everything else.
    """

    RCIC = "rcic"
    WILDS = "wilds"
    CUSTOM = "custom"


def _experiments(*ranges: tuple[str, int, int]) -> frozenset[str]:
    return frozenset(
        f"{cell_type}-{number:02d}" for cell_type, first, last in ranges for number in range(first, last + 1)
    )


RCIC_TEST = _experiments(("HEPG2", 8, 11), ("HUVEC", 17, 24), ("RPE", 8, 11), ("U2OS", 4, 5))
"""The competition's test experiments, 18."""
WILDS_VALIDATION = frozenset({"HEPG2-08", "HUVEC-17", "RPE-08", "U2OS-04"})
"""The experiments of the competition's public score, by which WILDS selects; its other 14 are its test."""


@dataclass(frozen=True)
class Conduct:
    """What was done, as far as protocols ask for it.

    Attributes:
        unit: `well` or `site`.
        target: column whose values are the classes.
        classes: number of classes.
        controls: rows of control wells that count.
        channels: number of the images' channels.
        experiments: those of the rows that count.
        transductive: what was used beyond each row's own images.
    """

    unit: str
    target: str
    classes: int
    controls: int
    channels: int
    experiments: Collection[str]
    transductive: Collection[str] = ()


def protocol_of(conduct: Conduct) -> Protocol:
    """The protocol whose rules were kept; `custom` where those of none were."""
    named = (Protocol.RCIC, Protocol.WILDS)
    return next((one for one in named if not list(misfits(one, conduct))), Protocol.CUSTOM)


def require_protocol(protocol: Protocol, conduct: Conduct) -> None:
    """Refuse to call an evaluation what it is not.

    Raises:
        PredictionsError: a rule was not kept; names all of those.
    """
    found = list(misfits(protocol, conduct))
    if found:
        raise PredictionsError(f"these are no predictions of protocol {protocol.value}: {'; '.join(found)}")


def misfits(protocol: Protocol, conduct: Conduct) -> Iterator[str]:
    """What of a protocol was not kept, one rule each; nothing for `custom`."""
    match protocol:
        case Protocol.RCIC:
            yield from _of_treatments(conduct, "well", 1108, (RCIC_TEST,))
            if conduct.controls:
                yield f"{conduct.controls} wells of controls count, where treatments alone do"
        case Protocol.WILDS:
            parts = (WILDS_VALIDATION, RCIC_TEST - WILDS_VALIDATION)
            yield from _of_treatments(conduct, "site", 1139, parts)
            if conduct.channels != 3:
                yield f"images of {conduct.channels} channels, not of 3"
            if conduct.transductive:
                yield f"what may not be used of the test screen is: {', '.join(conduct.transductive)}"
        case Protocol.CUSTOM:
            return


def _of_treatments(conduct: Conduct, unit: str, classes: int, parts: tuple[frozenset[str], ...]) -> Iterator[str]:
    if conduct.unit != unit:
        yield f"a row is a {conduct.unit}, not a {unit}"
    if conduct.target != "perturbation":
        yield f"the target is {conduct.target!r}, not 'perturbation'"
    if conduct.classes != classes:
        yield f"{conduct.classes:,} classes, not {classes:,}"
    shown = set(conduct.experiments)
    if not any(shown <= part for part in parts):
        strange = sorted(shown.difference(*parts), key=natural_key)
        yield (
            f"{some_of(strange)} is none of its test experiments"
            if strange
            else "experiments of both its validation and its test"
        )
