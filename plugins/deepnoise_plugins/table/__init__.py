"""Reader of tables with one row a site and one column a channel file."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.table.options import TableOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_readers() -> Iterable[Component]:
    """Offer the reader of tables of image files."""
    return [
        Component(
            name="table",
            summary="CSV or Parquet with a row a site and image files by channel, as of JUMP and DeepProfiler",
            factory="deepnoise_plugins.table.reader:TableReader",
            options=TableOptions,
            reference="Chandrasekaran et al., bioRxiv 2023, https://doi.org/10.1101/2023.03.23.534023 (JUMP)",
            example="deepnoise_plugins.table.example:write_example",
        )
    ]
