"""How long the figures of signal and noise take on all of RxRx1, and how retrieval compares with copairs.

Run `make bench-disentanglement`, or `python benchmarks/disentanglement.py [EXPERIMENTS]` for some experiments.
All 51 of the real metadata are 125,510 sites; their 128 features are simulated. The run of all of them writes
`benchmarks/results/disentanglement.json`.

Bars: 10 minutes and 4 GB on two cores; average precision of each well that of copairs to 1e-6, 5 times as fast,
though ours finds neighbours and neighbourhoods in that time too. Fails where all experiments miss one.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from bars import at_least, at_most, missed, show
from machine import measured_on
from numpy.typing import NDArray

from deepnoise_core.data.names import natural_key
from deepnoise_core.evaluation.disentanglement import Factors, measure
from deepnoise_core.evaluation.disentanglement.factors import by_cell_type
from deepnoise_core.evaluation.disentanglement.neighbours import neighbourhood

HERE = Path(__file__).parent
RESULT = HERE / "results" / "disentanglement.json"
METADATA = HERE.parents[1] / "shared" / "data" / "rxrx1_metadata" / "metadata_reconstructed.csv.gz"
FEATURES, MINUTES, GIGABYTES, EQUAL, FASTER = 128, 10.0, 4.0, 1e-6, 5.0
COPAIRS_EXPERIMENTS = 3


def main() -> None:
    given = [int(word) for word in sys.argv[1:]]
    factors = rxrx1(given[0] if given else None)
    started = time.perf_counter()
    measured = measure(simulated(factors), factors)
    minutes = (time.perf_counter() - started) / 60
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    beside = beside_copairs()
    rows = [
        at_most(f"all figures of {len(factors):,} x {FEATURES}, minutes", minutes, MINUTES),
        at_most("peak memory, GB", gigabytes, GIGABYTES),
        at_most(f"largest difference from copairs, {beside['wells']:,} wells", beside["difference"], EQUAL),
        at_least("copairs' time over ours for them", beside["ratio"], FASTER),
    ]
    show("Signal and noise" + (f" of {given[0]} of 51 experiments, which prove no bar" if given else ""), rows)
    if given:
        return
    record: dict[str, Any] = {
        "table": rows,
        "rows": len(factors),
        "features": FEATURES,
        "minutes": minutes,
        "gigabytes": gigabytes,
        "copairs": beside,
        "figures": measured.as_dict()["figures"],
        **measured_on("deepnoise", "numpy", "scipy", "scikit-learn", "copairs"),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(record, indent=2) + "\n")
    sys.exit(missed(rows))


def rxrx1(experiments: int | None, *, treatments: bool = False) -> Factors:
    """The factors of the real sites of some experiments; of one site of each treated well where so asked."""
    table = pl.read_csv(METADATA, infer_schema_length=0).with_columns(pl.col("sirna").fill_null("unlabelled"))
    chosen = sorted(table["experiment"].unique(), key=natural_key)[:experiments]
    table = table.filter(pl.col("experiment").is_in(chosen))
    if treatments:
        table = table.filter((pl.col("well_type") == "treatment") & (pl.col("site") == "1"))
    columns = ("sirna", "experiment", "plate", "well", "cell_type")
    return Factors(*(table[column].to_numpy() for column in columns))


def simulated(factors: Factors) -> NDArray[np.float32]:
    """Perturbation, experiment and chance in equal parts."""
    random = np.random.default_rng(0)
    values = random.normal(size=(len(factors), FEATURES))
    for names in (factors.perturbation, factors.experiment):
        found, code = np.unique(names.astype(str), return_inverse=True)
        values += random.normal(size=(len(found), FEATURES))[code]
    return values.astype(np.float32)


def beside_copairs() -> dict[str, float]:
    """Average precision of each well by both on the treated wells of a few experiments of one cell type.

    copairs lists pairs, so that it holds no more; ours computes neighbours and neighbourhoods in the same time.
    """
    import pandas as pd
    from copairs.map import average_precision

    factors = rxrx1(COPAIRS_EXPERIMENTS, treatments=True)
    values = simulated(factors)
    started = time.perf_counter()
    ((rows, codes),) = by_cell_type(factors).values()
    precision = neighbourhood(values[rows].astype(np.float64), codes, 0).retrieval.precision
    ours = time.perf_counter() - started
    meta = pd.DataFrame({"perturbation": factors.perturbation, "experiment": factors.experiment})
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = average_precision(
            meta, values, ["perturbation"], ["experiment"], [], ["perturbation"], progress_bar=False
        )
    theirs = time.perf_counter() - started
    expected = table["average_precision"].to_numpy()[rows]
    known = ~np.isnan(expected)
    assert (known == ~np.isnan(precision)).all(), "the two know replicates of other wells"
    difference = float(np.abs(precision - expected)[known].max())
    return {
        "wells": len(factors),
        "ours": ours,
        "copairs": theirs,
        "ratio": theirs / ours,
        "difference": difference,
        "mean": float(precision[known].mean()),
    }


if __name__ == "__main__":
    main()
