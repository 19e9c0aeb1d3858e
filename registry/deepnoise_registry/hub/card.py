"""The card of a published bundle: front matter for the Hub, and what a reader must know before using it."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML

from deepnoise_registry.hub.reference import SCHEME, HubReference
from deepnoise_registry.manifest import Manifest

LIBRARY, TASK = "deepnoise", "image-classification"
EVALUATION = ".eval_results/deepnoise.yaml"


def card(manifest: Manifest, reference: HubReference, licence: str) -> str:
    """The README of a bundle's repository, the same for the same bundle."""
    return f"""---
{_yaml(_front_matter(manifest, reference, licence))}---

# {manifest.name}

A model of deepnoise ([DeepNoise](https://arxiv.org/abs/2209.05772) rebuilt from named parts).

## Use

```python
import deepnoise as dn

model = dn.load("{SCHEME}{reference}")
predictions = model.predict(dn.open_screen("plates"))
```

## What it is

{summary(manifest)}
"""


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
    rows = [f"| {metric} | {value:.4g} | {notes} |" for metric, value, notes in _results(manifest)]
    table = (
        ["", "| metric | value | measured on |", "|---|---|---|", *rows] if rows else ["- results: none recorded"]
    )
    return "\n".join([*(f"- {name}: {fact}" for name, fact in facts.items()), *table])


def evaluation_results(manifest: Manifest) -> str:
    """The results as the Hub's newer form wants them, a list in YAML; empty without results."""
    name = _dataset(manifest)
    entries = [
        {"dataset": {"id": name, "task_id": task}, "value": value, "notes": notes}
        for task, value, notes in _results(manifest)
    ]
    return _yaml(entries) if entries else ""


def _front_matter(manifest: Manifest, reference: HubReference, licence: str) -> dict[str, Any]:
    tags = [LIBRARY, "microscopy", "high-content-screening", f"channels-{len(manifest.channels)}"]
    results = [
        {
            "task": {"type": TASK},
            "dataset": {"name": _dataset(manifest), "type": _dataset(manifest)},
            "metrics": [{"type": task, "value": value, "name": notes}],
        }
        for task, value, notes in _results(manifest)
    ]
    index = {"model-index": [{"name": reference.repo.partition("/")[2], "results": results}]} if results else {}
    return {
        "library_name": LIBRARY,
        "license": licence,
        "pipeline_tag": TASK,
        "tags": tags,
        **({"metrics": sorted({task for task, _, _ in _results(manifest)})} if results else {}),
        **index,
    }


def _results(manifest: Manifest) -> list[tuple[str, float, str]]:
    """Metric, value, and on what and by which rules it was measured."""
    return [
        (
            one.metric,
            one.value,
            f"{one.part} wells, stage {one.stage}" + (f", protocol {one.protocol}" if one.protocol else ""),
        )
        for one in manifest.results
    ]


def _dataset(manifest: Manifest) -> str:
    """What the training screen is called: the last part of where it was, never the path of somebody's disk."""
    source = str(manifest.training.get("screen", {}).get("source", ""))
    return source.replace("\\", "/").rstrip("/").rpartition("/")[2] or "unknown"


def _yaml(data: Any) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = io.StringIO()
    yaml.dump(data, text)
    return text.getvalue()
