"""A multi-layer perceptron reads digits.

    python examples/numpydl/mlp_digits.py

Result, by record.py mlp_digits:

    main: iter 150, train-[loss 0.0044, acc 1.0000]; valid-[loss 0.2476, acc 0.9385];
"""

from numpydl_data import digits

import npdl


def main(max_iter=150):
    npdl.utils.random.set_seed(1234)
    X, Y = digits()

    model = npdl.model.Model()
    model.add(npdl.layers.Dense(n_out=500, n_in=64, activation=npdl.activations.ReLU()))
    model.add(npdl.layers.Dense(n_out=10, activation=npdl.activations.Softmax()))
    model.compile(loss=npdl.objectives.SCCE(), optimizer=npdl.optimizers.SGD(lr=0.005))

    model.fit(X, Y, max_iter=max_iter, batch_size=64, validation_split=0.1)


if __name__ == "__main__":
    main()
