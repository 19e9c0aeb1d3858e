"""The distributions behind a recipe's components: recorded in a bundle, and asked for when it is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from deepnoise_core.contracts import Kind
from deepnoise_core.contracts.errors import InputError, ModelError
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.manifest import Requirement
from deepnoise_registry.recipes.recipe import COMPONENT_FIELDS, COMPONENT_LISTS, ComponentReference, Recipe
from deepnoise_registry.records import Offer


def qualified(recipe: Recipe, catalogue: Catalogue) -> Recipe:
    """The recipe with `plugin/name` throughout, so that no plugin installed later makes a name ambiguous."""

    def named(kind: Kind, reference: ComponentReference) -> ComponentReference:
        return reference.model_copy(update={"name": catalogue.find(kind, reference.name).qualified_name})

    single = {
        field: named(kind, reference)
        for field, kind in COMPONENT_FIELDS.items()
        if (reference := getattr(recipe, field)) is not None
    }
    listed = {
        field: tuple(named(kind, reference) for reference in getattr(recipe, field))
        for field, kind in COMPONENT_LISTS.items()
    }
    return recipe.model_copy(update={**single, **listed})


def requirements_of(recipe: Recipe, catalogue: Catalogue) -> tuple[Requirement, ...]:
    """Who provides each component that a recipe names, each once."""
    offers = [catalogue.find(kind, reference.name) for kind, reference in _references(recipe)]
    return tuple(
        Requirement(
            kind=offer.kind,
            name=offer.name,
            plugin=offer.plugin,
            distribution=offer.distribution,
            version=offer.version,
        )
        for offer in dict.fromkeys(offers)
    )


def require_plugins(source: Path, needs: Sequence[Requirement], catalogue: Catalogue) -> tuple[str, ...]:
    """Refuse where a component is missing; nothing is installed.

    Returns:
        One line for each distribution that is there in another version than the bundle was written with.

    Raises:
        ModelError: no loaded plugin offers one of them; says what to install.
    """
    missing: list[Requirement] = []
    others: dict[tuple[str, str], list[str]] = defaultdict(list)
    for need in needs:
        try:
            offer = catalogue.find(need.kind, f"{need.plugin}/{need.name}")
        except InputError:
            missing.append(need)
            continue
        if (offer.distribution, offer.version) != (need.distribution, need.version):
            others[_origin(need), _origin(offer)].append(f"{need.kind} {need.name!r}")
    if missing:
        named = ", ".join(f"{one.kind} {one.name!r} ({_origin(one)})" for one in missing)
        install = dict.fromkeys(
            f"'{one.distribution}=={one.version}'" for one in missing if one.distribution and one.version
        )
        advice = f"try: pip install {' '.join(install)}" if install else "ask whoever wrote the bundle for them"
        raise ModelError(f"{source}: needs {named}, which no loaded plugin offers; {advice}")
    return tuple(
        f"the bundle was written with {then}, but {now} is installed, which offers its {', '.join(named)}"
        for (then, now), named in others.items()
    )


def _references(recipe: Recipe) -> list[tuple[Kind, ComponentReference]]:
    """Every component that a recipe names, with its kind, in the order of the recipe."""
    single = [(kind, getattr(recipe, field)) for field, kind in COMPONENT_FIELDS.items()]
    listed = [(kind, one) for field, kind in COMPONENT_LISTS.items() for one in getattr(recipe, field)]
    return [(kind, reference) for kind, reference in (*single, *listed) if reference is not None]


def _origin(one: Requirement | Offer) -> str:
    return f"{one.distribution or '(no distribution)'} {one.version}".strip()
