"""What is a question about? Two LSTM layers, over word vectors that stay (main) or are trained (main2).

    python examples/numpydl/lstm_sentence_classification.py

Result, by record.py lstm_sentence_classification:

    main: iter 100, train-[loss 1.6030, acc 0.2222]; valid-[loss 1.7377, acc 0.0000];
    main2: iter 100, train-[loss 0.0007, acc 1.0000]; valid-[loss 1.0503, acc 0.8000];
"""

from numpydl_data import questions

import npdl


def train(static, optimizer, max_iter):
    npdl.utils.random.set_seed(1234)
    X, Y, n_words = questions(length=20)

    model = npdl.Model()
    model.add(npdl.layers.Embedding(static=static, input_size=n_words, n_out=200, nb_batch=30, nb_seq=20))
    model.add(npdl.layers.BatchLSTM(n_out=400, return_sequence=True))
    model.add(npdl.layers.BatchLSTM(n_out=200, return_sequence=True))
    model.add(npdl.layers.MeanPooling((20, 1)))
    model.add(npdl.layers.Flatten())
    model.add(npdl.layers.Softmax(n_out=Y.shape[1]))
    model.compile(loss=npdl.objectives.SCCE(), optimizer=optimizer)

    model.fit(X, Y, max_iter=max_iter, batch_size=30, validation_split=0.1)


def main(max_iter=100):
    train(True, npdl.optimizers.SGD(lr=0.005), max_iter)


def main2(max_iter=100):
    train(False, npdl.optimizers.RMSprop(), max_iter)


if __name__ == "__main__":
    main2()
