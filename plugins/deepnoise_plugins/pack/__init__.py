"""Reader of packs, on a local disk or behind a URL."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.pack.options import PackReaderOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_readers() -> Iterable[Component]:
    """Offer the reader of packs."""
    return [
        Component(
            name="pack",
            summary="What deepnoise screen pack wrote: a folder, or a URL such as s3://bucket/screen",
            factory="deepnoise_plugins.pack.reader:PackReader",
            options=PackReaderOptions,
            reference="https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html",
            example="deepnoise_plugins.pack.example:write_example",
        )
    ]
