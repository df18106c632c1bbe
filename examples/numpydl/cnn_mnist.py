"""A small convolutional network reads a thousand pictures of digits.

    python examples/numpydl/cnn_mnist.py

Result, by record.py cnn_mnist:

    main: iter 10, train-[loss 0.5278, acc 0.8378]; valid-[loss 0.6240, acc 0.7600];
"""

import numpy as np
from numpydl_data import pictures

import npdl


def main(max_iter=10):
    npdl.utils.random.set_seed(100)
    X, Y = pictures()
    X, Y = np.reshape(X[:1000], (-1, 1, 28, 28)), Y[:1000]

    model = npdl.model.Model()
    model.add(npdl.layers.Convolution(1, (3, 3), input_shape=(None, 1, 28, 28)))
    model.add(npdl.layers.MeanPooling((2, 2)))
    model.add(npdl.layers.Convolution(2, (4, 4)))
    model.add(npdl.layers.MeanPooling((2, 2)))
    model.add(npdl.layers.Flatten())
    model.add(npdl.layers.Softmax(n_out=10))
    model.compile()

    model.fit(X, Y, max_iter=max_iter, batch_size=100, validation_split=0.1)


if __name__ == "__main__":
    main()
