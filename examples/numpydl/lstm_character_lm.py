"""Which character comes next? An LSTM reads thirty, and pools over them (main1) or keeps the last (main2).

    python examples/numpydl/lstm_character_lm.py

Result, by record.py lstm_character_lm:

    main1: iter 100, train-[loss 3.0487, acc 0.1700];
    main2: iter 100, train-[loss 2.8955, acc 0.1700];
"""

from numpydl_data import characters

import npdl


def train(return_sequence, max_iter):
    npdl.utils.random.set_seed(1234)
    X, Y = characters()
    model = npdl.Model()
    model.add(
        npdl.layers.BatchLSTM(
            n_out=300, n_in=X.shape[2], nb_batch=40, nb_seq=30, return_sequence=return_sequence
        )
    )
    if return_sequence:
        model.add(npdl.layers.MeanPooling((30, 1)))
        model.add(npdl.layers.Flatten())
    model.add(npdl.layers.Softmax(n_out=Y.shape[1]))
    model.compile(loss=npdl.objectives.SCCE(), optimizer=npdl.optimizers.SGD(lr=0.00001, clip=5))
    model.fit(X, Y, max_iter=max_iter, batch_size=40)


def main1(max_iter=100):
    train(True, max_iter)


def main2(max_iter=100):
    train(False, max_iter)


if __name__ == "__main__":
    main1()
