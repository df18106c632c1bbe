"""The moments at which plugins are called, and with what."""

from __future__ import annotations

from typing import Any

from npdl_core.errors import printable
from npdl_core.registry.naming import closest

__all__ = [
    "SPECS",
    "npdl_batch_end",
    "npdl_cli",
    "npdl_epoch_end",
    "npdl_fit_end",
    "npdl_fit_start",
    "npdl_gradients_ready",
    "npdl_model_compiled",
    "npdl_register",
]


def npdl_register(registry: Any) -> None:
    """Register components that no entry point names: call ``registry.register(kind, name, obj)``.

    Called once, before the first look-up of a name that is not core's. The names belong to the plugin's
    distribution. If it raises, all that it registered is taken back. Import what you register at the top of
    the module: look-ups in other threads wait for this hook.
    """


def npdl_model_compiled(model: Any) -> None:
    """Look at a model that was just compiled."""


def npdl_fit_start(model: Any) -> None:
    """Prepare for a training that is about to start."""


def npdl_batch_end(model: Any, step: int, logs: Any) -> None:
    """Look at the model after an update; ``step`` counts updates, ``logs`` has the batch's ``loss``."""


def npdl_gradients_ready(model: Any, grads: Any) -> None:
    """Change gradients in place, between backward and update: clipping, noise, an all-reduce."""


def npdl_epoch_end(model: Any, epoch: int, logs: Any) -> None:
    """Look at the model after an epoch; ``logs`` has the epoch's losses and metrics."""


def npdl_fit_end(model: Any, error: Any) -> None:
    """Finish after a training; ``error`` is the exception that ended it, or None."""


def npdl_cli(group: Any) -> None:
    """Add sub-commands to the ``npdl`` command's click group."""


SPECS = {
    spec.__name__: (spec, spec.__code__.co_varnames)
    for spec in (
        npdl_register,
        npdl_model_compiled,
        npdl_fit_start,
        npdl_batch_end,
        npdl_gradients_ready,
        npdl_epoch_end,
        npdl_fit_end,
        npdl_cli,
    )
}
"""The hooks by name: the specification and its arguments."""


def wrong_call(name: str, arguments: dict[str, Any]) -> str:
    """Return what is wrong with a call of a hook."""
    if name in SPECS:
        return f"{name} takes {', '.join(SPECS[name][1])}, got {', '.join(sorted(arguments)) or 'nothing'}"
    near = closest(name, SPECS, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"there is no hook {printable(repr(name), 80)}; the hooks are {', '.join(SPECS)}{hint}"


def signatures() -> str:
    """Return all hooks with their arguments."""
    return ", ".join(f"{name}({', '.join(arguments)})" for name, (_, arguments) in SPECS.items())
