"""Which character comes next? Two recurrent layers read thirty; the last pools (main1) or keeps one (main2).

    python examples/numpydl/rnn_character_lm.py

Result, by record.py rnn_character_lm:

    main1: iter 100, train-[loss 2.8411, acc 0.1700];
    main2: iter 100, train-[loss 2.4518, acc 0.3438];
"""

from numpydl_data import characters

import npdl


def train(layers, max_iter):
    X, Y = characters()
    model = npdl.Model()
    model.add(npdl.layers.SimpleRNN(n_out=200, n_in=X.shape[2], nb_batch=40, nb_seq=30, return_sequence=True))
    for layer in layers:
        model.add(layer)
    model.add(npdl.layers.Softmax(n_out=Y.shape[1]))
    model.compile(loss=npdl.objectives.SCCE(), optimizer=npdl.optimizers.SGD(lr=0.00001, clip=5))
    model.fit(X, Y, max_iter=max_iter, batch_size=40)


def main1(max_iter=100):
    npdl.utils.random.set_seed(1234)
    second = npdl.layers.SimpleRNN(n_out=200, return_sequence=True)
    train([second, npdl.layers.MeanPooling((30, 1)), npdl.layers.Flatten()], max_iter)


def main2(max_iter=100):
    npdl.utils.random.set_seed(1234)
    train([npdl.layers.SimpleRNN(n_out=200)], max_iter)


if __name__ == "__main__":
    main1()
