"""Pages of all registered components, one for each kind, made from the registry: nothing is listed by hand.

A component's section has its canonical name, who provides it, its other names, its signature and docstring.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from npdl_core import registry
from npdl_core.builtin import KINDS
from npdl_core.component import Component
from npdl_core.errors import PluginError

FOLDER = "generated"
LOGGER = logging.getLogger(__name__)


def components(kind: str) -> dict[Any, list[str]]:
    """Return the ids of every component of a kind: the canonical one first, then its aliases."""
    found: dict[Any, list[str]] = {}
    for name in registry.names(kind):
        for provided in registry.providers(kind, name):
            distribution = provided.partition(":")[0]
            try:
                found.setdefault(registry.resolve(kind, provided), []).append(f"{distribution}:{name}")
            except PluginError as error:
                LOGGER.warning("%s", error)
    return {obj: sorted(ids, key=registry.component_id(obj, kind).__ne__) for obj, ids in found.items()}


def section(obj: Any, ids: list[str]) -> str:
    """Return the reStructuredText of one component."""
    provider, _, name = ids[0].partition(":")
    aliases = ", ".join(f"``{other.partition(':')[2]}``" for other in ids[1:])
    directive = "autoclass" if isinstance(obj, type) else "autofunction"
    return "\n".join(
        [
            name,
            "~" * len(name),
            "",
            f"Provided by ``{provider}``." + (f" Also called {aliases}." if aliases else ""),
            "",
            f".. {directive}:: {obj.__module__}.{obj.__qualname__}",
            "",
        ]
    )


def page(kind: str) -> str:
    """Return the reStructuredText of one kind, components ordered by name."""
    found = sorted(components(kind).items(), key=lambda item: item[1][0].partition(":")[2])
    title = kind.capitalize()
    body = [section(obj, ids) for obj, ids in found] or [f"No installed package provides {kind}.\n"]
    return "\n".join([title, "=" * len(title), "", *body])


def generate(app: Sphinx) -> None:
    """Write the pages, leaving those alone that would not change, so that Sphinx reads only new ones."""
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(exist_ok=True)
    for kind in KINDS:
        path, text = folder / f"{kind}.rst", page(kind)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def constructor(app: Sphinx, what: str, name: str, obj: Any, *_: Any) -> tuple[str, str] | None:
    """Return a component's own arguments; its base has a ``__new__`` that captures whatever comes."""
    if what != "class" or not issubclass(obj, Component):
        return None
    if obj.__init__ is object.__init__:
        return "()", ""
    parameters = list(inspect.signature(obj.__init__).parameters.values())[1:]
    return str(inspect.Signature([p.replace(annotation=p.empty) for p in parameters])), ""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", generate)
    app.connect("autodoc-process-signature", constructor)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
