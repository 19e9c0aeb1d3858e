"""What a report says in words of its material: facts, prose, components and provenance, all plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deepnoise.reports.gathering import Material
from deepnoise.reports.methods import Part
from deepnoise_core.contracts.errors import InputError
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.recipe import COMPONENT_FIELDS, COMPONENT_LISTS, Recipe

PAPER = (
    "DeepNoise: signal and noise disentanglement based on classifying fluorescent microscopy images, "
    "arXiv:2209.05772"
)
_PARTS = {"train": "trained on", "validation": "used to choose the epoch", "test": "held out"}


def title_of(material: Material) -> str:
    """The page's title: the recipe's or model's name and the screen's."""
    name = str(
        (material.provenance or {}).get("model") or (material.training and material.training.card["recipe"])
    )
    return f"{name} on {_screen(material)}"


def facts(material: Material) -> dict[str, str]:
    """What was predicted, by what, from where."""
    found: dict[str, str] = {}
    predictions, provenance = material.predictions, material.provenance or {}
    if predictions is not None:
        plates = {*zip(predictions.ids["experiment"], predictions.ids["plate"], strict=True)}
        experiments = {experiment for experiment, _ in plates}
        found["Predicted"] = (
            f"{len(predictions):,} wells on {_count(plates, 'plate')} of {_count(experiments, 'experiment')}"
        )
        parts = predictions.ids.get("part")
        if parts is not None:
            counted = [(word, int((parts == part).sum())) for part, word in _PARTS.items()]
            found["Of these"] = ", ".join(f"{number:,} {word}" for word, number in counted if number)
        found["Classes"] = (
            f"{len(predictions.classes):,} of {str(provenance.get('target', 'unknown')).replace('_', ' ')}"
        )
        found["Cell types"] = ", ".join(sorted({str(name) for name in predictions.ids["cell_type"]}))
    found["Model"] = title_of(material).partition(" on ")[0]
    found["Screen"] = _screen(material)
    if material.screen is not None:
        channels = [
            name.replace("_", " ")
            + (f" ({material.screen.stains[name]})" if name in material.screen.stains else "")
            for name in material.screen.channels
        ]
        found["Channels"] = ", ".join(channels)
    return found


def prose(material: Material) -> list[str]:
    """The methods as paragraphs."""
    paragraphs = (" ".join(sentences) for sentences in (_learned(material), _predicted(material)))
    return [text for text in paragraphs if text]


def parts(material: Material, catalogue: Catalogue) -> list[Part]:
    """The components of the recipe, with their papers; a plugin that is not installed leaves them empty."""
    recipe = material.recipe
    if recipe is None:
        return []
    named = [(kind, getattr(recipe, name)) for name, kind in COMPONENT_FIELDS.items()]
    named += [(kind, one) for name, kind in COMPONENT_LISTS.items() for one in getattr(recipe, name)]
    found = [Part("system", "deepnoise", "the method as a whole", PAPER)]
    for kind, reference in named:
        if reference is None:
            continue
        try:
            component = catalogue.find(kind, reference.name).component
            found.append(Part(kind.value, reference.name, component.summary, component.reference))
        except InputError:
            found.append(Part(kind.value, reference.name, "not installed here", ""))
    return found


def provenance(material: Material) -> dict[str, str]:
    """Versions, seeds, hashes and places."""
    card = material.training.card if material.training is not None else {}
    found: dict[str, str] = {}
    if card:
        found |= {"Seed": str(card["seed"]), "Recipe sha256": str(card["recipe_sha256"])}
        found |= {
            "Hardware": str(card["hardware"]),
            "Run": str(material.training.path if material.training else ""),
        }
        found["Trained with"] = ", ".join(f"{name} {number}" for name, number in card["versions"].items())
    for name, value in (material.provenance or {}).items():
        if name == "members":
            found["Members"] = "; ".join(str(member.get("bundle", member)) for member in value)
        elif name not in ("split", "dropped_sites", "trained_transductively_on", "model"):
            found[name.replace("_", " ").capitalize()] = _plain(value)
    dropped = (material.provenance or {}).get("dropped_sites") or {}
    if dropped:
        found["Sites left out"] = "; ".join(f"{site}: {reason}" for site, reason in list(dropped.items())[:20])
    return found


def _learned(material: Material) -> Iterator[str]:
    recipe, card = material.recipe, material.training.card if material.training is not None else None
    if recipe is None:
        return
    about = f" ({recipe.summary})" if recipe.summary else ""
    yield f"The network was trained by deepnoise with the recipe {recipe.name}{about}."
    yield (
        f"Images at {recipe.data.image_size or 'their own'} pixels, brought to one scale by "
        f"{recipe.normalizer.name}, went through the backbone {_network(recipe)} and the head "
        f"{recipe.head.name}; the strategy {recipe.strategy.name} learned from views made by "
        f"{recipe.augmentation.name}, with the seed {recipe.seed}."
    )
    if card is not None:
        split: Mapping[str, Any] = card["split"]
        counts = [
            f"{len(split[part])} {split['unit']}s were {word}" for part, word in _PARTS.items() if split[part]
        ]
        yield f"Of the screen, {', '.join(counts)}."
        if card.get("best_epoch"):
            yield f"The network of epoch {card['best_epoch']} was kept, by {card['selection']}."
    if recipe.reproduces:
        yield f"The recipe follows {recipe.reproduces}."


def _network(recipe: Recipe) -> str:
    """The backbone's name, and which one of its family it is where it is a family."""
    model = recipe.backbone.options.get("model")
    return f"{recipe.backbone.name} {model}" if model else recipe.backbone.name


def _predicted(material: Material) -> Iterator[str]:
    if material.predictions is None:
        return
    if material.recipe is not None and material.recipe.postprocessors:
        steps = ", ".join(one.name for one in material.recipe.postprocessors)
        yield f"Predictions of sites were refined by {steps}, in this order."
    yield (
        "Stages are reported apart: raw is each well by itself, group restricts a plate to the classes of its "
        "group, and assigned gives each class once a plate where plates are known to be so."
    )
    if material.evaluation is not None:
        yield (
            f"Accuracy counts {material.evaluation.wells:,} held-out {material.evaluation.unit}s under the "
            f"protocol {material.evaluation.protocol}; intervals draw whole experiments with replacement."
        )


def _screen(material: Material) -> str:
    source = (material.provenance or {}).get("screen")
    if source is None and material.training is not None:
        source = material.training.card["screen"]["source"]
    return str(source).rstrip("/").rpartition("/")[2]


def _count(things: set[Any], noun: str) -> str:
    return f"{len(things):,} {noun}{'' if len(things) == 1 else 's'}"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {own}" for name, own in value.items()) or "none"
    return str(value)
