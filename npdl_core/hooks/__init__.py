"""Functions of plugins that npdl calls at set moments, through pluggy.

A hook is a function named as one of the specifications below and marked with :data:`hookimpl`; it takes those
of the specified arguments that it wants. A plugin is a module, or an object with such methods, that a
distribution names in the entry-point group ``npdl.v1.hooks`` or that :func:`register` takes in. One that
cannot be imported, or that does not fit the specifications, is left out whole, listed by :func:`problems` and
warned about once; with ``NPDL_STRICT_PLUGINS=1`` it is an error instead.

Examples
--------
>>> from npdl_core.hooks import hookimpl, register, unregister
>>> class Shout:
...     @hookimpl
...     def npdl_epoch_end(self, epoch, logs):
...         print(f"epoch {epoch}: {logs['loss']}!")
>>> name = register(Shout(), "shout")
>>> call("npdl_epoch_end", model=None, epoch=1, logs={"loss": 0.5})
epoch 1: 0.5!
[]
>>> unregister("shout")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from npdl_core import registry
from npdl_core.hooks.plugins import HookManager, PluginWarning, Problem
from npdl_core.hooks.specs import (
    npdl_batch_end,
    npdl_cli,
    npdl_epoch_end,
    npdl_fit_end,
    npdl_fit_start,
    npdl_gradients_ready,
    npdl_model_compiled,
    npdl_register,
)

if TYPE_CHECKING:
    from pluggy import HookimplMarker

    hookimpl: HookimplMarker

__all__ = [
    "HookManager",
    "PluginWarning",
    "Problem",
    "active",
    "call",
    "hookimpl",
    "manager",
    "npdl_batch_end",
    "npdl_cli",
    "npdl_epoch_end",
    "npdl_fit_end",
    "npdl_fit_start",
    "npdl_gradients_ready",
    "npdl_model_compiled",
    "npdl_register",
    "problems",
    "register",
    "unregister",
]


def manager() -> HookManager:
    """Return the hooks of this process's registry."""
    return registry.default().hooks


def active(name: str) -> bool:
    """Return whether any plugin implements a hook; cheap enough to ask before every call in a loop."""
    return manager().active(name)


def call(name: str, **arguments: Any) -> list[Any]:
    """Call a hook in every plugin that implements it and return what they returned, other than None.

    Raises
    ------
    PluginError
        If an implementation raises; the message names plugin and hook, and the cause is kept.
    ConfigError
        If there is no such hook, or the arguments are not those of its specification.
    """
    return manager().call(name, **arguments)


def register(plugin: Any, name: str | None = None) -> str:
    """Take in a module or an object with hooks, in this process, and return its name.

    Raises
    ------
    PluginError
        If it implements no hook, one that does not exist, or one with an argument that does not exist.
    DuplicateNameError
        If the name, or the plugin under another name, is taken.
    """
    return manager().register(plugin, name)


def unregister(plugin: Any) -> None:
    """Remove a plugin, given itself or its name, with all that its ``npdl_register`` registered.

    Raises
    ------
    UnknownNameError
        If it is not registered.
    """
    manager().unregister(plugin)


def problems() -> list[Problem]:
    """Return the plugins that were left out, and why."""
    return manager().problems()


def __getattr__(name: str) -> Any:
    """Make :data:`hookimpl` when it is first asked for: pluggy is not imported before."""
    if name != "hookimpl":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pluggy import HookimplMarker

    marker = globals()["hookimpl"] = HookimplMarker("npdl")
    return marker
