"""Reader of RxRx1 screens, as published by Recursion, given out for the Kaggle competition, and cut for WILDS."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.rxrx1.options import RxRx1Options

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_readers() -> Iterable[Component]:
    """Offer the reader of RxRx1 folders."""
    return [
        Component(
            name="rxrx1",
            summary="RxRx1 folders: metadata.csv and images/ (WILDS too), or Kaggle's CSVs with train/ and test/",
            factory="deepnoise_plugins.rxrx1.reader:RxRx1Reader",
            options=RxRx1Options,
            reference="Sypetkowski et al., CVPR Workshops 2023, https://www.rxrx.ai/rxrx1",
            example="deepnoise_plugins.rxrx1.example:write_example",
        )
    ]
