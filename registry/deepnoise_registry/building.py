"""From a name and options to one component. Imports nothing heavy: a factory may, when it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepnoise_core.contracts import Kind
from deepnoise_core.contracts.errors import InputError, PluginError
from deepnoise_core.contracts.protocols import PROTOCOLS
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.recipe import ComponentReference
from deepnoise_registry.third_party import blaming


def build(catalogue: Catalogue, kind: Kind, reference: ComponentReference, **context: Any) -> Any:
    """Make one component: find it, validate its options, call its factory.

    Raises:
        InputError: no such component, or the component itself refuses its options.
        PluginError: the factory fails or returns what is not of this kind; names the plugin.
    """
    offer = catalogue.find(kind, reference.name)
    factory: Callable[..., Any] = catalogue.resolve(offer)
    options = offer.component.options.model_validate(reference.options)
    origin = f"{kind} {offer.qualified_name!r} of {offer.distribution} {offer.version}"
    try:
        with blaming(f"{origin} cannot be built"):
            made = factory(options, **context)
    except PluginError as error:
        if isinstance(error.__cause__, InputError):
            raise error.__cause__ from None
        raise
    if not isinstance(made, PROTOCOLS[kind]):
        protocol = PROTOCOLS[kind].__name__
        raise PluginError(
            f"{origin} built a {type(made).__name__}, which does not follow the protocol {protocol}"
        )
    return made
