"""What is a question about? A convolution over pairs of words, whose vectors are random and stay so.

    python examples/numpydl/cnn_sentence_classification.py

Result, by record.py cnn_sentence_classification:

    main: iter 500, train-[loss 1.3085, acc 0.6000]; valid-[loss 1.6144, acc 0.3000];
"""

from numpydl_data import questions

import npdl


def main(max_iter=500):
    npdl.utils.random.set_seed(1234)
    X, Y, n_words = questions(length=20)

    model = npdl.Model()
    model.add(npdl.layers.Embedding(static=True, input_size=n_words, n_out=200, nb_batch=30, nb_seq=20))
    model.add(npdl.layers.DimShuffle(axis=1))
    model.add(npdl.layers.Convolution(100, (2, 200)))
    model.add(npdl.layers.MeanPooling((19, 1)))
    model.add(npdl.layers.Flatten())
    model.add(npdl.layers.Softmax(n_out=Y.shape[1]))
    model.compile(loss=npdl.objectives.SCCE(), optimizer=npdl.optimizers.SGD(lr=0.01))

    model.fit(X, Y, max_iter=max_iter, batch_size=30, validation_split=0.1)


if __name__ == "__main__":
    main()
