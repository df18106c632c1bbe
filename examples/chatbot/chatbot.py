"""One sentence in, one sentence out: a sequence-to-sequence model and the words that it reads and writes.

An embedding that both sides share, an encoder of two LSTM layers, a decoder of two more that begins in the
state in which the encoder ends, and a softmax over the vocabulary. Ids: 0 padding, 1 start, 2 end, 3 unknown.
Source: Sutskever et al., Sequence to sequence learning with neural networks, 2014.
"""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from npdl_core import Graph
from npdl_core.errors import ConfigError, DataError, printable
from npdl_core.layers import Embedding, Softmax
from npdl_core.saving.atomic import write_atomically
from npdl_core.saving.strict_json import dumps, loads
from npdl_data.words import RESERVED, WordVocabulary, tokenize
from npdl_rnn import EncoderDecoder

PAD, START, END, UNKNOWN = range(len(RESERVED))

#: Words of a question that are read, and of an answer that are written.
LONGEST = 50

LAYERS = 2


def asked(words):
    """Return what is read of a tokenized question: its words without signs, so that "hi" is "Hi!".

    >>> asked(["hi", ",", "you", "!"]), asked(["?"])
    (['hi', 'you'], ['?'])
    """
    return [word for word in words if re.match(r"\w", word)] or words


def exchanges(text):
    """Return pairs of tokenized questions and answers: each line of a conversation, and the one that follows.

    An empty line ends a conversation.
    """
    conversations = [part.splitlines() for part in re.split(r"\n\s*\n", text.strip())]
    spoken = [[words for line in lines if (words := tokenize(line))] for lines in conversations]
    found = [(asked(line), answer) for lines in spoken for line, answer in pairwise(lines)]
    if not found:
        raise DataError("no line of these conversations is followed by an answer")
    return found


def padded(rows):
    """Return lists of ids as one array (N, T), with padding on the right."""
    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    for target, row in zip(ids, rows, strict=True):
        target[: len(row)] = row
    return ids


def sources(vocabulary, questions):
    """Return what the encoder reads (N, S): padded, then reversed, so that the first word comes last."""
    if not all(questions):
        raise DataError("a question needs at least one word")
    return padded([vocabulary.encode(words[:LONGEST]) for words in questions])[:, ::-1]


def targets(vocabulary, answers):
    """Return what the decoder reads (N, T), START first, and what it is to write, END last."""
    rows = [[START, *vocabulary.encode(words[: LONGEST - 1]), END] for words in answers]
    return padded([row[:-1] for row in rows]), padded([row[1:] for row in rows])


def sentence(words):
    """Return words as a sentence with capital letters where English has them.

    >>> sentence(["no", ",", "i", "do", "."])
    'No, I do.'
    """
    text = re.sub(r" ([.,;:!?])", r"\1", " ".join(words))
    text = re.sub(r"\bi\b", "I", text)
    return re.sub(r"(^|[.!?] )(\w)", lambda match: match[1] + match[2].upper(), text)


class Chatbot:
    """A graph that was made by :meth:`made`, and its vocabulary.

    Answering changes nothing, so threads may share a chatbot.
    """

    def __init__(self, graph, vocabulary):
        layers = dict(graph.applications)
        if not (graph.connected and _fit(layers, len(vocabulary))):
            raise ConfigError(
                f"this model is no chatbot of {len(vocabulary)} ids: its layers: {printable(layers, 200)}"
            )
        self.graph, self.vocabulary = graph, vocabulary
        self._embedding, self._couple, self._softmax = layers["read"], layers["couple"], layers["word"]

    @classmethod
    def made(cls, vocabulary, n_words=64, n_out=128, seed=0):
        """Return an untrained chatbot: vectors of ``n_words`` numbers, LSTMs of ``n_out`` units."""
        words = Embedding(input_size=len(vocabulary), n_out=n_words, mask_zero=True)
        lstm = {"n_out": n_out, "num_layers": LAYERS}
        couple = {
            "encoder": {"name": "lstm", "config": lstm},
            "decoder": {"name": "lstm", "config": {**lstm, "return_sequence": True}},
        }
        graph = Graph(
            {"source": {"shape": (None,), "integer": True}, "target": {"shape": (None,), "integer": True}},
            {
                "heard": (words, "source"),
                "read": (words, "target"),
                "couple": ({"name": "encoder_decoder", "config": couple}, ["heard", "read"]),
                "word": ({"name": "softmax", "config": {"n_out": len(vocabulary)}}, "couple"),
            },
            "word",
            seed=seed,
        )
        graph.connect(graph.declared_input_shape())
        return cls(graph, vocabulary)

    # -- training --------------------------------------------------------------------------------------------

    def learn(self, pairs, epochs, lr=0.005, batch_size=16, callbacks=()):
        """Train on pairs of tokenized sentences and return the history."""
        self.graph.compile("scce", {"name": "adam", "config": {"lr": lr}}, ["accuracy"])
        questions, answers = zip(*pairs, strict=True)
        given, due = targets(self.vocabulary, answers)
        batch = {"source": sources(self.vocabulary, questions), "target": given}
        return self.graph.fit(batch, due, epochs=epochs, batch_size=batch_size, callbacks=callbacks)

    # -- answering -------------------------------------------------------------------------------------------

    def begin(self, questions):
        """Return the state, arrays (2, N, H), in which the encoder ends after tokenized questions."""
        ids = sources(self.vocabulary, questions)
        vectors = self._embedding.forward(ids, train=False)
        return self._couple.encoder.run_state(vectors, False, ids != PAD, ())[1]

    def step(self, ids, state):
        """Return the log-probabilities (N, V) of the words that follow ``ids`` (N,), and the new state.

        Padding, START and UNKNOWN are no words of an answer.
        """
        vectors = self._embedding.forward(ids[:, None], train=False)
        outputs, state = self._couple.decoder.run_state(vectors, False, None, state)
        probabilities = self._softmax.forward(outputs, train=False)[:, -1].astype(np.float64)
        with np.errstate(divide="ignore"):
            scores = np.log(probabilities)
        scores[:, [PAD, START, UNKNOWN]] = -np.inf
        return scores, state

    def greedy(self, questions, longest=LONGEST):
        """Return the answers to tokenized questions: the likeliest word each time, up to END."""
        state = self.begin(questions)
        ids = np.full(len(questions), START)
        written = []
        while len(written) < longest and not (ids == END).all():
            scores, state = self.step(ids, state)
            ids = np.where(ids == END, END, scores.argmax(axis=1))
            written.append(ids)
        return [self.vocabulary.decode(row[row != END]) for row in np.array(written).T]

    def beam(self, question, width, longest=LONGEST):
        """Return the likeliest answer that a beam search finds, by log-probability per word.

        The ``width`` likeliest beginnings are kept and continued together. The search ends when that many of
        them have met END.
        """
        state = self.begin([question])
        ids, totals, texts = np.array([START]), np.zeros(1), [[]]
        ended = []
        for length in range(1, longest + 1):
            scores, state = self.step(ids, state)
            scores += totals[:, None]
            best = np.argsort(-scores, axis=None, kind="stable")[:width]
            rows, ids = np.unravel_index(best[np.isfinite(scores.ravel()[best])], scores.shape)
            totals = scores[rows, ids]
            texts = [[*texts[row], word] for row, word in zip(rows, ids, strict=True)]
            ended += [(totals[k] / length, texts[k][:-1]) for k in np.flatnonzero(ids == END)]
            going = np.flatnonzero(ids != END)
            if len(ended) >= width or not going.size:
                break
            state = tuple(part[:, rows[going]] for part in state)
            ids, totals, texts = ids[going], totals[going], [texts[k] for k in going]
        found = ended or [(total, text) for total, text in zip(totals, texts, strict=True)]
        return self.vocabulary.decode(max(found, key=lambda entry: entry[0])[1])

    def answer(self, text, width=1):
        """Return the answer to a text, by beam search if ``width`` is more than 1."""
        words = asked(tokenize(text))
        return sentence(self.greedy([words])[0] if width == 1 else self.beam(words, width))

    # -- files -----------------------------------------------------------------------------------------------

    def save(self, path):
        """Write the model to ``path``, and the vocabulary beside it: a JSON list, ``.json`` appended."""
        write_atomically(f"{path}.json", dumps(list(self.vocabulary.words)).encode())
        self.graph.save(path)

    @classmethod
    def load(cls, path):
        """Return the chatbot that :meth:`save` wrote; its files can run no code."""
        words = loads(Path(f"{path}.json").read_bytes(), "the vocabulary")
        return cls(Graph.load(path), WordVocabulary(words))


def _fit(layers, n_words):
    """Return whether a graph's layers are those that :meth:`Chatbot.made` makes."""
    if set(layers) != {"heard", "read", "couple", "word"} or layers["heard"] is not layers["read"]:
        return False
    embedding, couple, word = layers["read"], layers["couple"], layers["word"]
    return (
        isinstance(embedding, Embedding)
        and isinstance(couple, EncoderDecoder)
        and isinstance(word, Softmax)
        and embedding.input_size == word.n_out == n_words
        and couple.decoder.num_layers == LAYERS
    )
