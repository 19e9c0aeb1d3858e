"""Reader of folders of images that have no table: the names of the files tell."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.file_names.options import FileNamesOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_readers() -> Iterable[Component]:
    """Offer the reader of named image files."""
    return [
        Component(
            name="file-names",
            summary="PNG or TIFF files named by a microscope: ImageXpress, Opera, Yokogawa, Cytation, ArrayScan",
            factory="deepnoise_plugins.file_names.reader:FileNamesReader",
            options=FileNamesOptions,
            example="deepnoise_plugins.file_names.example:write_example",
        )
    ]
