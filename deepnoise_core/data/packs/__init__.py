"""Packs: a screen as one sharded Zarr array, a table and exact statistics, read at the speed of memory."""

from deepnoise_core.data.packs.manifest import MANIFEST, is_pack
from deepnoise_core.data.packs.options import PackOptions
from deepnoise_core.data.packs.packing import Packed, pack_screen
from deepnoise_core.data.packs.reading import open_pack
from deepnoise_core.data.packs.store import PackStore
from deepnoise_core.data.packs.verification import Fault, verify_pack

__all__ = [
    "MANIFEST",
    "Fault",
    "PackOptions",
    "PackStore",
    "Packed",
    "is_pack",
    "open_pack",
    "pack_screen",
    "verify_pack",
]
