"""What a package can be made for: every kind of component, and hooks."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["KINDS", "PluginKind"]


class PluginKind(NamedTuple):
    """One kind.

    Attributes
    ----------
    group : str
        The end of its entry-point group.
    usage : str
        How the package is used once it is installed.
    target : str
        What the entry point names in the module; empty for the module itself.
    fixed : str
        The only name that the template's component can have; empty where the author chooses.
    """

    group: str
    usage: str
    target: str = "$cls"
    fixed: str = ""


KINDS: dict[str, PluginKind] = {
    "layer": PluginKind("layers", 'model.add("$name")'),
    "activation": PluginKind("activations", 'model.add("dense", n_out=3, activation="$name")'),
    "objective": PluginKind("objectives", 'model.compile(loss="$name", optimizer="sgd")'),
    "optimizer": PluginKind("optimizers", 'model.compile(loss="mse", optimizer="$name")'),
    "initializer": PluginKind("initializers", 'model.add("dense", n_out=3, init="$name")'),
    "metric": PluginKind("metrics", 'model.compile(loss="mse", optimizer="sgd", metrics=["$name"])'),
    "callback": PluginKind("callbacks", 'model.fit(X, Y, epochs=20, callbacks=["$name"])'),
    "schedule": PluginKind("schedules", 'model.optimizer.lr = "$name"'),
    "dataset": PluginKind("datasets", "(X, Y), (X_test, Y_test) = npdl.datasets.$cls().load()"),
    "kernel": PluginKind(
        "kernels", "npdl.kernels.$name(rows, W, b, out)", target="$name", fixed="affine_forward"
    ),
    "hooks": PluginKind("hooks", 'model.fit(X, Y, epochs=20).history["weight_norm"]', target=""),
}
"""By the word that ``npdl plugin new --kind`` takes."""
