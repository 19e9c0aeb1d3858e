"""Plates as a source of knowledge: class groups, their arrangement, and balanced assignment.

After the first-place solution of the RxRx1 challenge (groups of siRNAs by plate, their rotation, linear sum
assignment), with probability mass over cyclic arrangements instead of counts over all.
"""

from deepnoise_core.data.plates.arrangement import (
    ArrangementEstimate,
    Arrangements,
    estimate_arrangement,
    group_mass,
)
from deepnoise_core.data.plates.assignment import assign
from deepnoise_core.data.plates.balance import Capacity, PlateAssignment, assign_plates
from deepnoise_core.data.plates.groups import discover_design
from deepnoise_core.data.plates.layout import plates_of
from deepnoise_core.data.plates.prior import PlateLabels, PlatePrior, label_plates, restrict_to_groups
from deepnoise_core.data.plates.restriction import (
    UNKNOWN_GROUP,
    PlateGroups,
    check_groups,
    find_plate_groups,
    restrict,
)

__all__ = [
    "UNKNOWN_GROUP",
    "ArrangementEstimate",
    "Arrangements",
    "Capacity",
    "PlateAssignment",
    "PlateGroups",
    "PlateLabels",
    "PlatePrior",
    "assign",
    "assign_plates",
    "check_groups",
    "discover_design",
    "estimate_arrangement",
    "find_plate_groups",
    "group_mass",
    "label_plates",
    "plates_of",
    "restrict",
    "restrict_to_groups",
]
