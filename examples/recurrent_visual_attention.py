"""Read a digit through six glimpses: a network that decides where to look next.

Each glimpse is a patch of 8 by 8 pixels around a place, and one of 16 by 16 averaged to the same size. From
what it saw so far the network answers what the digit is, and chooses the next place. Choosing has no slope:
places are drawn, and those that led to a right answer are rewarded (REINFORCE), less what was to be expected.

    python examples/recurrent_visual_attention.py --output runs/attention

trains on 4000 of MNIST's digits, prints the accuracy on 1000 others (0.94 after 12 epochs), and draws the way
that the eye took over some of them (glimpses.png). Source: Mnih et al., Recurrent models of visual attention,
2014; Element-Research rnn, recurrent-visual-attention, at full size --glimpses 7 --units 256 --epochs 800.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from npdl_core import Model, registry
from npdl_core.layers import Layer
from npdl_rnn import Recurrent, RecurrentAttention

SIZE, DEPTH = 8, 2


def dense(n_out, **config):
    """Return a layer's envelope."""
    return {"name": "dense", "config": {"n_out": n_out, "activation": "relu", "init": "he_uniform", **config}}


class GlimpseNetwork(Layer):
    """What is seen at a place, and the place itself, as one vector (N, H) of an image and a place."""

    def __init__(self, n_hidden, n_out):
        glimpse = {"name": "glimpse", "config": {"size": SIZE, "depth": DEPTH}}
        self.add_layer("what", {"name": "chain", "config": {"layers": [glimpse, "flatten", dense(n_hidden)]}})
        self.add_layer("where", dense(n_hidden))
        self.add_layer("both", {"name": "chain", "config": {"layers": ["concat", dense(n_out)]}})

    def connect_to(self, prev_layer=None):
        shapes = self.incoming_shape(prev_layer)
        parts = [self.what.connect(shapes).out_shape, self.where.connect(shapes[1]).out_shape]
        self.out_shape = self.both.connect(parts).out_shape

    def forward(self, input, train=True):
        return self.both.forward(
            [self.what.forward(input, train), self.where.forward(input[1], train)], train
        )

    def backward(self, pre_grad):
        seen, place = self.both.backward(pre_grad)
        d_image, d_place = self.what.backward(seen)
        return [d_image, d_place + self.where.backward(place)]


def eye(n_glimpses, n_units, **options):
    """Return the layer that looks and decides; its output is what it knows after the last glimpse."""
    looking = Recurrent(
        n_units,
        GlimpseNetwork(n_units, n_units),
        {"name": "linear", "config": {"n_out": n_units, "init": "orthogonal"}},
        transfer="relu",
    )
    # Near zero at the start, so that the first places lie around the middle.
    middle = {"n_out": 2, "activation": "tanh", "init": {"name": "uniform", "config": {"scale": 0.01}}}
    choosing = [{"name": "dense", "config": middle}, {"name": "reinforce_normal", "config": {"std": 0.11}}]
    deciding = {"name": "chain", "config": {"layers": choosing}}
    return RecurrentAttention(looking, deciding, n_glimpses, n_units, **{"return_sequence": False, **options})


def digits(n=None):
    """Return training and test images (N, 1, 28, 28) and digits (N,)."""
    (X, Z), test = registry.get("datasets", "mnist_5k", test_split=0.2, flatten=False).load()
    return (X[:n], Z[:n]), test


def learn(train, n_glimpses=6, n_units=128, epochs=12, lr=0.001, batch=20):
    """Return the trained model."""
    model = Model([eye(n_glimpses, n_units), {"name": "softmax", "config": {"n_out": 10}}], seed=0)
    # The reward teaches where to look. A small one disturbs least what the answer teaches to see.
    loss = {"name": "vr_class_reward", "config": {"objective": "scce", "scale": 0.01}}
    updates = epochs * -(-len(train[0]) // batch)
    rate = {"name": "cosine", "config": {"lr": lr, "steps": updates}}
    model.compile(loss, {"name": "adam", "config": {"lr": rate, "clip_norm": 5.0}}, ["accuracy"])
    model.fit(*train, epochs=epochs, batch_size=batch)
    return model


def places(model, images):
    """Return where a trained model looks (N, T, 2), rows and columns from -1 to 1."""
    trained = model.layers[0]
    units, glimpses = trained.out_shape[-1], trained.config["n_steps"]
    watched = eye(glimpses, units, return_sequence=True, forward_actions=True).connect(images.shape)
    for mine, learned in zip(watched.params, trained.params, strict=True):
        mine[...] = learned
    return watched.forward(images, train=False)[1]


def draw(model, images, path):
    """Write a picture of the eye's way over images (N, 1, 28, 28): glimpse by glimpse, red to yellow."""
    import matplotlib.pyplot as plt

    guesses = model.predict(images).argmax(axis=1)
    ways = (places(model, images) + 1) / 2 * (np.array(images.shape[2:]) - 1)
    fig, axes = plt.subplots(1, len(images), figsize=(1.8 * len(images), 2.1), squeeze=False)
    for ax, image, way, guess in zip(axes[0], images, ways, guesses, strict=True):
        ax.imshow(image[0], cmap="gray")
        ax.plot(way[:, 1], way[:, 0], color="w", lw=0.8)
        for step, (row, column) in enumerate(way):
            color = plt.get_cmap("autumn")(step / max(1, len(way) - 1))
            corner = (column - SIZE / 2, row - SIZE / 2)
            ax.add_patch(plt.Rectangle(corner, SIZE, SIZE, fill=False, color=color, lw=1.2))
        ax.set_title(f"reads {guess}", fontsize=9)
        ax.axis("off")
    fig.tight_layout()
    fig.savefig(path, dpi=120)
    plt.close(fig)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in {"glimpses": 6, "units": 128, "epochs": 12}.items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"(default: {value})")
    parser.add_argument("--output", help="a folder for the picture")
    given = parser.parse_args()
    train, test = digits()
    start = time.perf_counter()
    reader = learn(train, given.glimpses, given.units, given.epochs)
    print(f"held-out accuracy {reader.evaluate(*test)['accuracy']:.3f}, {time.perf_counter() - start:.0f} s")
    if given.output:
        folder = Path(given.output)
        folder.mkdir(parents=True, exist_ok=True)
        draw(reader, test[0][:8], folder / "glimpses.png")
