"""The mean teacher (Tarvainen & Valpola 2017, arXiv 1703.01780), as DeepNoise uses it."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.mean_teacher.options import MeanTeacherOptions, MeanTeacherPseudoOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_strategies() -> Iterable[Component]:
    """Offer the mean teacher with DeepNoise's numbers as defaults, without and with pseudo-labels."""
    return [
        Component(
            name="mean-teacher",
            summary="Cross-entropy, and consistency with an averaged teacher on all images (DeepNoise)",
            factory="deepnoise_plugins.mean_teacher.strategy:MeanTeacher",
            options=MeanTeacherOptions,
            reference="arXiv:1703.01780",
        ),
        Component(
            name="mean-teacher-pseudo",
            summary="The mean teacher, with pseudo-labels of its teacher as training goes on (DeepNoise)",
            factory="deepnoise_plugins.mean_teacher.pseudo:MeanTeacherPseudo",
            options=MeanTeacherPseudoOptions,
            reference="arXiv:2209.05772",
        ),
    ]
