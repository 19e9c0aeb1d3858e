"""Plates as a source of knowledge: class groups, their arrangement, and balanced assignment.

After the first-place solution of the RxRx1 challenge (groups of siRNAs by plate, their rotation, linear sum
assignment), with probability mass over cyclic arrangements instead of counts over all.
"""

from deepnoise_core.data.plates.arrangement import (
    THRESHOLD,
    ArrangementEstimate,
    Arrangements,
    estimate_arrangement,
)
from deepnoise_core.data.plates.assignment import assign
from deepnoise_core.data.plates.balance import Capacity, PlateAssignment, assign_plates
from deepnoise_core.data.plates.evidence import EvidenceKind, PlateEvidence, plate_evidence
from deepnoise_core.data.plates.given import design_of, with_plates
from deepnoise_core.data.plates.groups import discover_design
from deepnoise_core.data.plates.layout import plates_of
from deepnoise_core.data.plates.multipliers import balance_classes
from deepnoise_core.data.plates.prior import (
    PlateLabels,
    PlatePrior,
    find_design_groups,
    label_plates,
    restrict_to_groups,
)
from deepnoise_core.data.plates.restriction import (
    UNKNOWN_GROUP,
    PlateGroups,
    check_groups,
    check_wells,
    find_plate_groups,
    restrict,
)
from deepnoise_core.data.plates.transport import Entropy, SoftAssignment, assign_softly

__all__ = [
    "THRESHOLD",
    "UNKNOWN_GROUP",
    "ArrangementEstimate",
    "Arrangements",
    "Capacity",
    "Entropy",
    "EvidenceKind",
    "PlateAssignment",
    "PlateEvidence",
    "PlateGroups",
    "PlateLabels",
    "PlatePrior",
    "SoftAssignment",
    "assign",
    "assign_plates",
    "assign_softly",
    "balance_classes",
    "check_groups",
    "check_wells",
    "design_of",
    "discover_design",
    "estimate_arrangement",
    "find_design_groups",
    "find_plate_groups",
    "label_plates",
    "plate_evidence",
    "plates_of",
    "restrict",
    "restrict_to_groups",
    "with_plates",
]
