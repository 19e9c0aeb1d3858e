"""Reader of OME-Zarr plates, the community's format of high-content screens (OME-NGFF 0.4 and 0.5)."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.ome_zarr.options import OmeZarrOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_readers() -> Iterable[Component]:
    """Offer the reader of OME-Zarr plates."""
    return [
        Component(
            name="ome-zarr",
            summary="OME-Zarr plates (OME-NGFF 0.4 on Zarr v2, 0.5 on Zarr v3): one store, or a folder of them",
            factory="deepnoise_plugins.ome_zarr.reader:OmeZarrReader",
            options=OmeZarrOptions,
            reference="Moore et al., Histochemistry and Cell Biology 2023, doi:10.1007/s00418-023-02209-1",
            example="deepnoise_plugins.ome_zarr.example:write_example",
        )
    ]
