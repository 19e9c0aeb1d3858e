"""Which tests hand over bad models, downloads and uploads: all that must be met are, in at least 60 cases."""

import importlib.util
import inspect
import math
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

TESTS = Path(__file__).resolve().parents[1]
PULL, PUSH = "registry/test_hub_pull.py", "face/test_hub_push.py"
BUNDLE, WEIGHTS = (
    "face/test_bundles.py::test_a_spoilt_bundle_is_refused_and_does_not_verify",
    "core/test_weight_files.py",
)
UNSOUND = f"{WEIGHTS}::test_unsound_files_are_refused_with_a_reason"
PROCESSES, NAMES, TIMM = "face/test_hub_processes.py", "registry/test_safe_names.py", "face/test_pretrained.py"

MET = {
    "same-length corruption": (
        f"{PULL}::test_same_length_corruption_on_the_way_is_found",
        f"{PULL}::test_corrupt_manifest_is_found_by_its_own_name",
        f"{PULL}::test_corruption_of_the_cache_is_found_and_mended_by_the_next_pull",
        f"{TIMM}::test_changed_bytes_of_timm_weights_are_refused",
        f"{BUNDLE}[a_flipped_bit]",
        f"{PUSH}::test_damaged_bundle_is_not_sent",
    ),
    "truncation": (
        f"{PULL}::test_endless_trouble_is_told",
        f"{WEIGHTS}::test_short_empty_and_missing_files_are_refused",
    ),
    "401, 403, 404, 429, 503, a gated repository": (
        f"{PULL}::test_refusing_answer_is_told",
        f"{PULL}::test_private_repository_without_the_right_token_is_told",
        f"{PUSH}::test_refused_push_is_told_and_can_be_repeated",
        f"{PUSH}::test_push_without_a_token_is_told",
        f"{PUSH}::test_private_is_private_or_refused",
    ),
    "an unknown repository, revision or file": (
        f"{PULL}::test_wrong_reference_is_told",
        f"{PULL}::test_repository_without_a_manifest_is_no_bundle",
        f"{PULL}::test_manifest_that_names_a_missing_file_is_told",
        f"{TIMM}::test_what_a_repository_holds_decides",
        f"{PROCESSES}::test_refused_pull_is_one_line_and_exits_with_2",
    ),
    "a server that is gone": (
        f"{PULL}::test_gone_server_without_cache_is_told",
        f"{PULL}::test_gone_server_with_cache_is_said_and_goes_on",
        f"{PULL}::test_offline_asks_nobody",
        f"{PUSH}::test_server_that_goes_away_in_the_middle_is_told",
        f"{TIMM}::test_what_was_loaded_once_needs_no_hub",
    ),
    "two processes at once": (f"{PROCESSES}::test_two_processes_pull_at_once",),
    "SIGKILL": (f"{PROCESSES}::test_killed_pull_leaves_nothing_and_the_next_is_clean",),
    "a cache that may only be read": (
        f"{PROCESSES}::test_cache_that_may_only_be_read_is_told_and_serves_what_it_has",
        f"{PULL}::test_cache_that_is_a_file_is_told",
        f"{PULL}::test_lock_that_cannot_be_written_is_said",
    ),
    "a full disk": (
        f"{PROCESSES}::test_full_disk_is_told_and_nothing_is_half_written",
        f"{PULL}::test_fault_of_the_disk_is_told",
    ),
    "names with ../, absolute, of symbolic links, that clash by case": (
        f"{PULL}::test_hostile_manifest_is_refused",
        f"{PULL}::test_link_that_leads_out_of_the_cache_is_refused_and_what_it_means_is_left",
        f"{NAMES}::test_hostile_name_is_refused",
        f"{NAMES}::test_names_that_are_one_file_somewhere_clash",
        f"{BUNDLE}[path_in_manifest]",
        f"{BUNDLE}[names_that_differ_by_case]",
    ),
    "a pickle": (f"{BUNDLE}[a_pickle]", f"{WEIGHTS}::test_a_pickle_is_called_one"),
    "a header of 2^62 bytes": (f"{UNSOUND}[header_of_2_to_the_62]",),
    "offsets that overlap or lie outside": (f"{UNSOUND}[overlapping]", f"{UNSOUND}[outside_of_the_file]"),
    "a recipe of 10 GB, a bomb of aliases": (f"{BUNDLE}[recipe_of_10_gb]", f"{BUNDLE}[alias_bomb]"),
    "an unknown component": (f"{BUNDLE}[unknown_component]", f"{BUNDLE}[plugin_that_is_not_installed]"),
    "shapes that do not fit": (
        f"{BUNDLE}[another_shape]",
        f"{BUNDLE}[one_tensor_too_few]",
        f"{WEIGHTS}::test_weights_of_another_network_or_of_nan_are_not_adopted",
    ),
    "a token for another host or a log": (
        f"{PULL}::test_private_repository_takes_a_token_that_stays_here",
        f"{PULL}::test_password_in_the_endpoint_is_not_told",
        f"{PUSH}::test_token_stays_with_the_hub",
    ),
    "a tag that is taken, a bundle that changes": (
        f"{PUSH}::test_taken_tag_is_told_before_anything_is_sent",
        f"{PUSH}::test_file_that_changes_after_verification_is_not_sent",
    ),
    "wrong use": (
        f"{PULL}::test_wrong_endpoint_is_told",
        f"{PULL}::test_damaged_lock_is_told",
        f"{PULL}::test_taken_folder_is_told_before_anything_is_asked",
        f"{PULL}::test_manifest_that_is_no_json_is_told",
        f"{PROCESSES}::test_wrong_use_is_told",
        f"{TIMM}::test_other_weights_are_refused_by_name",
    ),
}
"""Bad input → the tests that hand it over, `file::test` or `file::test[case]`."""

SILENT = {"test_two_processes_pull_at_once"}
"""Tests of what must go well, so that there is no message."""


@cache
def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"listed_{Path(name).stem}", TESTS / name)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made  # where data classes look for it
    spec.loader.exec_module(made)
    return made


def found(test: str) -> tuple[Callable[..., object], list[list[object]]]:
    """The function of a test, and the values of each of its parameters."""
    name, _, function = test.partition("[")[0].partition("::")
    made = getattr(module(name), function)
    marks = [mark for mark in getattr(made, "pytestmark", ()) if mark.name == "parametrize"]
    return made, [list(mark.args[1]) for mark in marks]


LISTED = sorted({test for tests in MET.values() for test in tests})


@pytest.mark.parametrize("test", LISTED)
def test_listed_test_is_there_and_looks_at_its_message(test: str) -> None:
    made, parameters = found(test)
    if "[" in test:
        assert test.partition("[")[2].removesuffix("]") in parameters[0]
    if made.__name__ not in SILENT:
        assert re.search(r"match=|refusal\(|refused\(|told|message|stderr|authorized", inspect.getsource(made))


def test_there_are_at_least_60_bad_inputs_besides_names_of_files() -> None:
    """Counted from the tests' own lists of cases, whichever of them run now."""
    whole = {test.partition("[")[0] for test in LISTED if NAMES not in test}
    counts = {test: math.prod(len(values) for values in found(test)[1]) for test in whole}
    assert sum(counts.values()) >= 60, counts
    assert len(module(NAMES).HOSTILE) >= 150
