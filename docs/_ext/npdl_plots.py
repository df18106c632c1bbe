"""A figure of each registered activation and its derivative, put into its section of the manual."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from sphinx.application import Sphinx

from npdl_core import registry
from npdl_core.activations import Activation

FOLDER = Path("generated", "plots")
X = np.linspace(-5, 5, 401)


def curves(activation: Activation) -> tuple[Any, Any, bool]:
    """Return output and derivative over X, and whether other entries of a row matter.

    Rows are (x, 0): for a function of single numbers the second entry changes nothing.
    """
    rows = np.stack([X, np.zeros_like(X)], axis=-1)
    output = activation(rows)[:, 0]
    of_rows = not np.allclose(output, activation(rows + np.array([0.0, 1.0]))[:, 0])
    return output, activation.derivative(rows)[:, 0], of_rows


def draw(name: str, activation: Activation) -> str:
    """Return the figure as SVG, the same text for the same curves."""
    output, derivative, of_rows = curves(activation)
    figure = Figure(figsize=(4.5, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color="0.8", linewidth=0.8)
    axes.axvline(0, color="0.8", linewidth=0.8)
    axes.plot(X, output, label=f"{name}(x, 0)" if of_rows else f"{name}(x)")
    axes.plot(X, derivative, "--", label="derivative")
    axes.set_ylim(max(-6, output.min() - 0.5), min(6, max(output.max(), derivative.max()) + 0.5))
    axes.set_xlabel("x")
    axes.legend(frameon=False)
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return text.getvalue()


def plotted(obj: Any) -> str | None:
    """Return the name under which a class is an activation that needs no arguments, else None."""
    if not (isinstance(obj, type) and issubclass(obj, Activation)):
        return None
    try:
        registry.get("activations", obj)
        return registry.canonical_name("activations", obj)
    except (ValueError, LookupError):
        return None


def generate(app: Sphinx) -> None:
    """Draw all activations, leaving figures alone that would not change."""
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for obj in {registry.resolve("activations", name) for name in registry.names("activations")}:
        name = plotted(obj)
        if name is None:
            continue
        path, text = folder / f"{name}.svg", draw(name, obj())
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def insert(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Put the figure at the end of an activation's docstring."""
    title = plotted(obj) if what == "class" else None
    if title is not None:
        lines += [
            "",
            f".. image:: /{(FOLDER / title).as_posix()}.svg",
            f"   :alt: {title} and its derivative",
            "",
        ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", generate)
    app.connect("autodoc-process-docstring", insert)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
