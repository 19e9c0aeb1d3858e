"""Protocols are told by what was done, and what they ask for is said where it was not kept."""

from dataclasses import replace
from typing import Any

import pytest

from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.evaluation.protocols import (
    RCIC_TEST,
    WILDS_VALIDATION,
    Conduct,
    Protocol,
    misfits,
    protocol_of,
    require_protocol,
)

RCIC = Conduct("well", "perturbation", 1108, 0, 6, tuple(RCIC_TEST), ("plate statistics", "plate assignment"))
WILDS = Conduct("site", "perturbation", 1139, 900, 3, tuple(RCIC_TEST - WILDS_VALIDATION))


def test_the_test_of_the_competition_is_that_of_both() -> None:
    assert len(RCIC_TEST) == 18
    assert len(RCIC_TEST - WILDS_VALIDATION) == 14
    assert WILDS_VALIDATION < RCIC_TEST


@pytest.mark.parametrize(
    ("conduct", "protocol"),
    [
        (RCIC, Protocol.RCIC),
        (replace(RCIC, experiments=("HUVEC-17",), channels=3, transductive=()), Protocol.RCIC),
        (WILDS, Protocol.WILDS),
        (replace(WILDS, experiments=tuple(WILDS_VALIDATION)), Protocol.WILDS),
        (replace(RCIC, classes=1139), Protocol.CUSTOM),
        (replace(WILDS, transductive=("plate statistics",)), Protocol.CUSTOM),
    ],
)
def test_what_was_done_tells_the_protocol(conduct: Conduct, protocol: Protocol) -> None:
    assert protocol_of(conduct) is protocol
    require_protocol(protocol, conduct)
    require_protocol(Protocol.CUSTOM, conduct)


@pytest.mark.parametrize(
    ("protocol", "conduct", "change", "said"),
    [
        (Protocol.RCIC, RCIC, {"unit": "site"}, "a row is a site, not a well"),
        (Protocol.RCIC, RCIC, {"target": "cell_type"}, "the target is 'cell_type'"),
        (Protocol.RCIC, RCIC, {"classes": 1139}, "1,139 classes, not 1,108"),
        (Protocol.RCIC, RCIC, {"controls": 12}, "12 wells of controls count"),
        (Protocol.RCIC, RCIC, {"experiments": ("HUVEC-01", "HUVEC-17")}, "'HUVEC-01' is none of its test"),
        (Protocol.WILDS, WILDS, {"unit": "well"}, "a row is a well, not a site"),
        (Protocol.WILDS, WILDS, {"classes": 1108}, "1,108 classes, not 1,139"),
        (Protocol.WILDS, WILDS, {"channels": 6}, "images of 6 channels, not of 3"),
        (Protocol.WILDS, WILDS, {"transductive": ("adapted",)}, "may not be used of the test screen is: adapted"),
        (Protocol.WILDS, WILDS, {"experiments": tuple(RCIC_TEST)}, "both its validation and its test"),
    ],
)
def test_a_rule_that_was_not_kept_is_named(
    protocol: Protocol, conduct: Conduct, change: dict[str, Any], said: str
) -> None:
    changed = replace(conduct, **change)
    (found,) = misfits(protocol, changed)
    assert said in found
    assert protocol_of(changed) is not protocol
    with pytest.raises(PredictionsError, match=f"no predictions of protocol {protocol.value}: "):
        require_protocol(protocol, changed)


def test_all_rules_that_were_not_kept_are_named_at_once() -> None:
    with pytest.raises(PredictionsError, match=r"a row is a well.*1,108 classes.*6 channels.*plate assignment"):
        require_protocol(Protocol.WILDS, RCIC)
