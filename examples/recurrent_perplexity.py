"""Which cell learns a text fastest? Held-out perplexity per character after the same small budget for each.

Every cell gets the same text, the same windows in the same order, the same number of units and of updates:

    python examples/recurrent_perplexity.py --output runs/perplexity

prints a table, and writes it as perplexity.md beside perplexity.png, the curves. Any text with --text
book.txt, any recurrent layers with --cells lstm,gru. Source: Element-Research rnn compares its cells so on
Penn Treebank.
"""

import argparse
import time
from pathlib import Path

from npdl_core import Model, registry

CELLS = ("simple_rnn", "lstm", "gru", "mufuru", "bn_lstm")
BATCH = 32


def text(path=None, max_chars=100_000, window=50):
    """Return windows of the text's head and its tail, and how many characters there are."""
    data = registry.get("datasets", "text", path=path, window=window, max_chars=max_chars, shuffle=True)
    (X, Y), held_out = data.load()
    return X, Y, held_out, len(data.vocabulary) + 1


def learn(cell, data, updates=300, points=10, n_out=64, lr=0.005):
    """Return the updates and the held-out perplexities on the way, how many parameters, and the seconds."""
    X, Y, held_out, n_characters = data
    model = Model(seed=0)
    model.add("embedding", input_size=n_characters, n_out=n_out)
    model.add(cell, n_out=n_out, return_sequence=True)
    model.add("softmax", n_out=n_characters)
    model.compile("scce", {"name": "adam", "config": {"lr": lr, "clip_norm": 5.0}}, ["perplexity"])
    curve, seconds = [], 0.0
    for update in range(updates):
        start = time.perf_counter()
        part = [(update * BATCH + index) % len(X) for index in range(BATCH)]
        model.train_on_batch(X[part], Y[part])
        seconds += time.perf_counter() - start
        if (update + 1) % max(1, updates // points) == 0 or update == updates - 1:
            curve.append((update + 1, model.evaluate(*held_out)["perplexity"]))
    size = sum(array.size for array in model.layers[1].params)
    return curve, size, seconds


def table(results):
    """Return the results as a table in Markdown."""
    lines = ["| cell | parameters | seconds | perplexity |", "|---|---:|---:|---:|"]
    for cell, (curve, size, seconds) in results.items():
        lines.append(f"| `{cell}` | {size} | {seconds:.1f} | {curve[-1][1]:.2f} |")
    return "\n".join(lines)


def draw(results, path):
    """Write the curves as a picture."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6, 4))
    for cell, (curve, *_) in results.items():
        ax.plot(*zip(*curve, strict=True), marker=".", label=cell)
    ax.set_xlabel("updates")
    ax.set_ylabel("held-out perplexity per character")
    ax.legend(frameon=False)
    fig.tight_layout()
    fig.savefig(path, dpi=120)
    plt.close(fig)


def compare(cells=CELLS, path=None, output=None, updates=300, max_chars=100_000, n_out=64):
    """Train every cell; print the table, write it and the curves into the folder ``output``."""
    data = text(path, max_chars)
    results = {cell: learn(cell, data, updates, n_out=n_out) for cell in cells}
    print(table(results))
    if output is not None:
        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "perplexity.md").write_text(table(results) + "\n", "utf-8")
        draw(results, folder / "perplexity.png")
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", help="a text file (default: what this Python says about itself)")
    parser.add_argument("--cells", default=",".join(CELLS), help="names, separated by commas")
    parser.add_argument("--updates", type=int, default=300)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--chars", type=int, default=100_000, help="how much of the text is read")
    parser.add_argument("--output", help="a folder for the table and the curves")
    given = parser.parse_args()
    compare(given.cells.split(","), given.text, given.output, given.updates, given.chars, given.units)
