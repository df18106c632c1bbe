"""What an object must be to serve as a component of a kind."""

from __future__ import annotations

from typing import Any, NamedTuple

from npdl_core.builtin import KINDS
from npdl_core.registry.naming import singular

__all__ = ["CONTRACTS", "Contract", "mismatch"]


class Contract(NamedTuple):
    """The base that authors derive from, and the methods that a class without that base needs."""

    base: str
    methods: tuple[str, ...]

    def __str__(self) -> str:
        """Return the requirement in words."""
        return f"a class deriving from {self.base}, or one with {', '.join(self.methods)}"


CONTRACTS: dict[str, Contract] = {
    "layers": Contract("npdl_core.layers.Layer", ("connect_to", "forward", "backward")),
    "activations": Contract("npdl_core.activations.Activation", ("__call__", "vjp")),
    "objectives": Contract("npdl_core.objectives.Objective", ("forward", "backward")),
    "optimizers": Contract("npdl_core.optimizers.Optimizer", ("update",)),
    "initializers": Contract("npdl_core.initializers.Initializer", ("__call__",)),
    "metrics": Contract("npdl_core.metrics.Metric", ("reset", "update", "result")),
    "callbacks": Contract("npdl_core.callbacks.Callback", ("on_*",)),
    "schedules": Contract("npdl_core.schedules.Schedule", ("__call__",)),
    "datasets": Contract("npdl_core.datasets.Dataset", ("load",)),
}


def mismatch(kind: str, obj: Any, *, instance: bool = False) -> str | None:
    """Return why ``obj`` cannot serve as a component of ``kind``, or None if it can.

    A kernel is any callable; of the other kinds, ``obj`` is a class unless ``instance`` is true.
    """
    contract = CONTRACTS.get(kind)
    if contract is None:
        return None if callable(obj) else f"a {singular(kind)} is a function, not {_describe(obj)}"
    if isinstance(obj, type) is instance:
        return f"expected {contract}, got {_describe(obj)}"
    declared = getattr(obj, "kind", None)
    if isinstance(declared, str) and declared in KINDS and declared != kind:
        return f"expected {contract}, got {_describe(obj)}, which is one of the {declared}"
    missing = [method for method in contract.methods if not _has_method(obj, method)]
    if missing:
        return f"expected {contract}, got {_describe(obj)} without {', '.join(missing)}"
    abstract = () if instance else sorted(getattr(obj, "__abstractmethods__", ()))
    return f"{_describe(obj)} leaves abstract: {', '.join(abstract)}" if abstract else None


def _has_method(obj: Any, name: str) -> bool:
    if name == "on_*":
        return any(attribute.startswith("on_") and _has_method(obj, attribute) for attribute in dir(obj))
    if not name.startswith("__"):
        return callable(getattr(obj, name, None))
    # Every class is callable through its metaclass, so a special method counts only where a base defines it.
    owner = obj if isinstance(obj, type) else type(obj)
    return any(callable(vars(base).get(name)) for base in owner.__mro__)


def _describe(obj: Any) -> str:
    return f"class {obj.__name__}" if isinstance(obj, type) else f"{type(obj).__name__} object"
