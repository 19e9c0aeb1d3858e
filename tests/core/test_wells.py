from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts import Predictions, Stage
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.wells import joined, merge_sites, require_wells


def sites_of(wells: list[str], classes: int = 3, seed: int = 0) -> Predictions:
    """One site a name, which is PLATE_WELL."""
    generator = np.random.default_rng(seed)
    return Predictions(
        ids={
            "site_id": np.array([f"{well}_{row}" for row, well in enumerate(wells)], dtype=object),
            "site": np.arange(len(wells)),
            "experiment": np.array(["A"] * len(wells), dtype=object),
            "plate": np.array([well.split("_")[0] for well in wells], dtype=object),
            "well": np.array([well.split("_")[1] for well in wells], dtype=object),
            "well_id": np.array(wells, dtype=object),
        },
        classes=tuple("abcdefgh"[:classes]),
        scores=generator.normal(size=(len(wells), classes)).astype(np.float32),
        embeddings=generator.normal(size=(len(wells), 2)).astype(np.float32),
        transductive=("plate statistics",),
        notes=("a note",),
    )


@given(st.lists(st.sampled_from(["1_B02", "1_B03", "2_B02", "2_C07"]), max_size=12), st.integers(0, 99))
def test_a_well_is_the_mean_of_its_sites(wells: list[str], seed: int) -> None:
    sites = sites_of(wells, seed=seed)
    merged = merge_sites(sites)
    order = list(dict.fromkeys(wells))
    assert merged.ids["well_id"].tolist() == order
    assert merged.ids["plate"].tolist() == [well[0] for well in order]
    assert not merged.per_site
    assert "site" not in merged.ids
    assert sites.embeddings is not None
    assert merged.embeddings is not None
    for row, well in enumerate(order):
        own = np.flatnonzero(sites.ids["well_id"] == well)
        np.testing.assert_allclose(merged.scores[row], sites.scores[own].mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(merged.embeddings[row], sites.embeddings[own].mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(merged.stages[Stage.RAW], merged.scores.argmax(axis=1))
    assert merged.scores.dtype == np.float32
    assert (merged.transductive, merged.notes) == (sites.transductive, sites.notes)


def test_wells_pass_through_but_for_a_missing_raw() -> None:
    wells = merge_sites(sites_of(["1_B02", "1_B02", "1_B03"]))
    assert merge_sites(wells) is wells
    again = merge_sites(replace(wells, stages={}))
    np.testing.assert_array_equal(again.stages[Stage.RAW], wells.stages[Stage.RAW])


def test_an_excluded_class_stays_excluded() -> None:
    sites = sites_of(["1_B02", "1_B02"])
    sites.scores[0, 1] = -np.inf
    merged = merge_sites(sites)
    assert merged.scores[0, 1] == -np.inf
    assert np.isfinite(merged.scores[0, [0, 2]]).all()


def test_sites_after_a_plate_step_are_refused() -> None:
    sites = sites_of(["1_B02", "1_B02"])
    grouped = sites.with_stage(Stage.GROUP, np.zeros(2, dtype=np.int64))
    with pytest.raises(PredictionsError, match="already carry group"):
        merge_sites(grouped)
    with pytest.raises(PredictionsError, match=r"my-step works on wells.*site-mean"):
        require_wells(sites, "my-step")


def test_one_well_id_on_two_plates_is_named() -> None:
    sites = sites_of(["1_B02", "1_B02"])
    sites.ids["plate"][1] = "2"
    with pytest.raises(PredictionsError, match="well_id 1_B02: its sites name more than one plate, 1 and 2"):
        merge_sites(sites)


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=6),
    st.data(),
    st.integers(0, 99),
    st.sampled_from([1, 3, 8]),
)
def test_wells_of_portions_are_those_of_the_whole_bit_for_bit(
    sizes: list[int], data: st.DataObject, seed: int, classes: int
) -> None:
    """Sums of many sites are taken in pairs, which must not depend on what stands before them."""
    wells = [f"{number}_B02" for number, size in enumerate(sizes) for _ in range(size)]
    sites = sites_of(wells, classes=classes, seed=seed)
    ends = np.cumsum(sizes)
    cuts = data.draw(st.lists(st.sampled_from(ends.tolist()), unique=True).map(sorted))
    bounds = [0, *[cut for cut in cuts if cut < ends[-1]], int(ends[-1])]
    parts = [merge_sites(sites.take(np.arange(start, end))) for start, end in pairwise(bounds)]
    whole, found = merge_sites(sites), joined(parts)
    assert found.ids["well_id"].tolist() == whole.ids["well_id"].tolist()
    np.testing.assert_array_equal(found.scores, whole.scores)
    assert found.embeddings is not None
    assert whole.embeddings is not None
    np.testing.assert_array_equal(found.embeddings, whole.embeddings)
    np.testing.assert_array_equal(found.stages[Stage.RAW], whole.stages[Stage.RAW])
    assert (found.transductive, found.notes) == (whole.transductive, whole.notes)
