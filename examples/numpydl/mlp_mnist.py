"""Eight optimizers, each with its defaults, on pictures of digits in MNIST's form.

    python examples/numpydl/mlp_mnist.py

Result, by record.py mlp_mnist:

    main: iter 50, train-[loss 0.0332, acc 0.9957]; valid-[loss 0.2411, acc 0.9385];
    main2: iter 50, train-[loss 0.0012, acc 1.0000]; valid-[loss 0.2543, acc 0.9497];
    main3: iter 50, train-[loss 0.0014, acc 1.0000]; valid-[loss 0.2756, acc 0.9441];
    main4: iter 50, train-[loss 0.1882, acc 0.9679]; valid-[loss 0.3394, acc 0.9162];
    main5: iter 50, train-[loss 0.0024, acc 1.0000]; valid-[loss 0.3056, acc 0.9497];
    main6: iter 50, train-[loss 1.8312, acc 0.6378]; valid-[loss 1.9211, acc 0.5419];
    main7: iter 50, train-[loss 0.0060, acc 1.0000]; valid-[loss 0.2126, acc 0.9497];
    main8: iter 50, train-[loss 0.0349, acc 0.9957]; valid-[loss 0.2349, acc 0.9441];
"""

import numpy as np
from numpydl_data import pictures

import npdl


def train(n_hidden, optimizer, max_iter):
    npdl.utils.random.set_seed(1234)
    X, Y = pictures()
    X = np.reshape(X, (len(X), -1))

    model = npdl.Model()
    model.add(npdl.layers.Dense(n_out=n_hidden, n_in=784, activation=npdl.activations.ReLU()))
    model.add(npdl.layers.Softmax(n_out=10))
    model.compile(loss=npdl.objectives.SCCE(), optimizer=optimizer)

    model.fit(X, Y, max_iter=max_iter, validation_split=0.1)


def main(max_iter=50):
    train(200, npdl.optimizers.SGD(), max_iter)


def main2(max_iter=50):
    train(200, npdl.optimizers.Momentum(), max_iter)


def main3(max_iter=50):
    train(200, npdl.optimizers.NesterovMomentum(), max_iter)


def main4(max_iter=50):
    train(100, "adagrad", max_iter)


def main5(max_iter=50):
    train(100, "rmsprop", max_iter)


def main6(max_iter=50):
    train(100, "adadelta", max_iter)


def main7(max_iter=50):
    train(100, "adam", max_iter)


def main8(max_iter=50):
    train(100, "adamax", max_iter)


if __name__ == "__main__":
    main8()
