"""Checks of screens: bad images, doubled ones, exchanged channels, wrong wells, leaking layouts."""

from deepnoise_core.data.checks.examination import Examination, check_screen, exclusions
from deepnoise_core.data.checks.finding import CHECKS, Finding, Severity

__all__ = ["CHECKS", "Examination", "Finding", "Severity", "check_screen", "exclusions"]
