"""The card of a published bundle: front matter for the Hub, and what a reader must know before using it."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML

from deepnoise_registry.hub.reference import SCHEME, HubReference
from deepnoise_registry.manifest import Manifest, Result
from deepnoise_registry.measured import screen_name

LIBRARY, TASK = "deepnoise", "image-classification"
EVALUATION = ".eval_results/deepnoise.yaml"


YOURS = "<!-- Write below this line: deepnoise push makes all above it anew, and keeps what stands here. -->"


def card(
    manifest: Manifest, reference: HubReference | None = None, licence: str | None = None, words: str = ""
) -> str:
    """The README of a bundle, the same for the same arguments.

    Args:
        manifest: of the bundle.
        reference: where it is published; None before that.
        licence: of the weights; None while nobody has said it.
        words: of its author, which come last.
    """
    place = f"{SCHEME}{reference}" if reference else "path/of/this/bundle"
    return f"""---
{_yaml(_front_matter(manifest, reference, licence))}---

# {manifest.name}

A model of deepnoise ([DeepNoise](https://arxiv.org/abs/2209.05772) rebuilt from named parts).

## Use

```python
import deepnoise as dn

model = dn.load("{place}")
predictions = model.predict(dn.open_screen("plates"))
```

## What it is

- licence of the weights: {licence or "not told yet; deepnoise push --license tells it"}
{summary(manifest)}
{_how_to_repeat(manifest, place)}
{YOURS}
{words}"""


def words_of_author(text: str) -> str | None:
    """What an author wrote into a card, to be kept; None where the line is gone below which it stands."""
    _, line, words = text.partition(f"{YOURS}\n")
    return words if line else None


def summary(manifest: Manifest) -> str:
    """What a reader must know of a bundle before using it, as a list in Markdown, and its results as a table."""
    training = manifest.training
    height, width = manifest.image_shape
    facts = {
        "names": f"the {training.get('target', 'class')} of a well, among {len(manifest.scored_classes):,}",
        "channels, by name": ", ".join(manifest.channels),
        "trained on": f"{_dataset(manifest)}, images of {height} × {width} pixels",
        "recipe": f"{training.get('recipe', manifest.name)}, seed {training.get('seed', 'unknown')}",
        "used without labels (transductive)": ", ".join(training.get("transductive", ())) or "nothing",
        "licence of the training images": manifest.data_licence or "not told",
        "needs": ", ".join(sorted({f"{one.distribution} {one.version}" for one in manifest.requires})),
    }
    rows = [
        f"| {one.metric} | {one.value:.4g} | {_dataset(manifest, one)}, {_measured_on(one)} |"
        for one in manifest.results
    ]
    table = (
        ["", "| metric | value | measured on |", "|---|---|---|", *rows] if rows else ["- results: none recorded"]
    )
    return "\n".join([*(f"- {name}: {fact}" for name, fact in facts.items()), *table])


def evaluation_results(manifest: Manifest) -> str:
    """The results as the Hub's newer form wants them, a list in YAML; empty without results."""
    entries = [
        {
            "dataset": {"id": _dataset(manifest, one), "task_id": one.metric},
            "value": one.value,
            "notes": _measured_on(one),
        }
        for one in manifest.results
    ]
    return _yaml(entries) if entries else ""


def _how_to_repeat(manifest: Manifest, place: str) -> str:
    """The command that trains the same again; empty where deepnoise has not trained it."""
    if "screen" not in manifest.training:
        return ""
    return f"""
## Train it again

```sh
deepnoise train --repeat {place} --screen plates --out again
```

trains the same recipe on the same images, says what is not as it was, and whether the same weights came out.
"""


def _front_matter(manifest: Manifest, reference: HubReference | None, licence: str | None) -> dict[str, Any]:
    tags = [LIBRARY, "microscopy", "high-content-screening", f"channels-{len(manifest.channels)}"]
    name = reference.repo.partition("/")[2] if reference else manifest.name
    results = [
        {
            "task": {"type": TASK},
            "dataset": {"name": _dataset(manifest, one), "type": _dataset(manifest, one)},
            "metrics": [{"type": one.metric, "value": one.value, "name": _measured_on(one)}],
        }
        for one in manifest.results
    ]
    index = {"model-index": [{"name": name, "results": results}]} if results else {}
    return {
        "library_name": LIBRARY,
        **({"license": licence} if licence else {}),
        "pipeline_tag": TASK,
        "tags": tags,
        **({"metrics": sorted({one.metric for one in manifest.results})} if results else {}),
        **index,
    }


def _measured_on(result: Result) -> str:
    """On which wells, of which stage and by which rules a result was measured."""
    rules = f", protocol {result.protocol}" if result.protocol else ""
    return f"{result.part} wells, stage {result.stage}{rules}"


def _dataset(manifest: Manifest, result: Result | None = None) -> str:
    """What the screen of a result is called; that of training where there is no other."""
    return (result and result.screen) or screen_name(str(manifest.training.get("screen", {}).get("source", "")))


def _yaml(data: Any) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = io.StringIO()
    yaml.dump(data, text)
    return text.getvalue()
