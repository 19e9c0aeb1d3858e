"""Embeddings of the sites of a screen, in a folder of shards that any number of processes writes."""

from __future__ import annotations

from pathlib import Path

from deepnoise.ensembles import Ensemble
from deepnoise.model import Model, PartName
from deepnoise.site_outputs import Keep, Seeing
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import InputError, ModelError, OtherWorkError
from deepnoise_core.contracts.plan import BadImages, TestTimeViews
from deepnoise_core.data.files import plain_disk_errors, sole_writer
from deepnoise_core.data.shards import SHARD_SITES, Record, read_record
from deepnoise_core.engine.devices import DeviceName
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.processes import is_first, meeting_point


def embed_folder(
    model: Model | Ensemble,
    screen: Screen,
    out: Path,
    *,
    part: PartName = "all",
    device: DeviceName = "auto",
    bad_images: BadImages | None = None,
    tta: TestTimeViews | None = None,
    logits: bool = False,
    shard_sites: int = SHARD_SITES,
    observer: Observer,
) -> Record | None:
    """Write the embeddings of single sites, before any step that makes wells of them.

    Where the folder was begun by the same call, that goes on with the shards that are missing or damaged. Memory
    is that of the screen's table and of a shard. Of several processes each calls this and writes some shards,
    whose bytes are those of one process.

    Args:
        model: one network.
        screen: its channels must be the model's by name, in any order.
        out: the folder.
        part: which wells.
        device: `auto`, `cpu`, `cuda` or `mps`.
        bad_images: `error`, or `skip` to leave out sites that cannot be read; as the recipe says where None.
        tta: copies of each image whose embeddings are averaged; as the recipe says where None.
        logits: whether logits of all classes stand beside.
        shard_sites: sites of a shard at most.
        observer: is told of progress.

    Returns:
        What the folder holds; None in all processes but the first.

    Raises:
        ModelError: the model is several networks.
        OutputError: the folder was begun with something else, or cannot be written.
        InputError: anything else that the user can mend.
    """
    if isinstance(model, Ensemble):
        raise ModelError(
            f"an ensemble of {len(model.members)} has no embeddings, since features of different networks have "
            f"nothing in common; embed with one member, as {model.members[0].bundle.path}"
        )
    if shard_sites < 1:
        raise InputError(f"{shard_sites} sites a shard: give 1 or more")
    how = Seeing(device, bad_images, tta, observer, Keep(out, shard_sites, logits))
    meet = meeting_point()
    if is_first():
        with plain_disk_errors(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            with sole_writer(out.with_name(f".{out.name}.lock"), out, "embedding there"):
                _embed(model, screen, part, how, out)
    else:
        model.begun_sites(screen, model.wanted(screen, part), how)
    meet()
    return read_record(out) if is_first() else None


def _embed(model: Model, screen: Screen, part: PartName, how: Seeing, out: Path) -> None:
    wanted = model.wanted(screen, part)
    model.begin(screen, wanted, how)
    try:
        sites = model.begun_sites(screen, wanted, how)
    except OtherWorkError:
        raise
    except BaseException:
        how.observer.note(f"what was embedded is kept in {out}; the same command goes on from there")
        raise
    for note in sites.notes:
        how.observer.note(note)
