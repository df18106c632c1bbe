"""Words, their ids, and sentences for language models."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_core import registry
from npdl_core.errors import ConfigError, DataError, StateError
from npdl_data.words import RESERVED, WordVocabulary, sentences, tokenize

TEXT = "He left! Why did he leave?\nIt was late.\n\nNobody knows"


@pytest.fixture
def make(tmp_path):
    def made(text=TEXT, **config):
        path = tmp_path / "text.txt"
        path.write_text(text, encoding="utf-8")
        return registry.get("datasets", "word_lm", path=str(path), **{"test_split": 0.0, **config})

    return made


def test_sentences_and_words():
    assert sentences(TEXT) == ["He left!", "Why did he leave?", "It was late.", "Nobody knows"]
    assert [len(tokenize(sentence)) for sentence in sentences(TEXT)] == [3, 5, 4, 2]
    assert sentences(" \n\n ") == tokenize(" ") == []


@given(st.text())
def test_no_letter_is_lost(text):
    kept = "".join(word for sentence in sentences(text) for word in tokenize(sentence))
    assert kept == "".join(text.lower().split()) or not text.isascii()


def test_the_most_frequent_words_are_kept():
    vocabulary = WordVocabulary.of([["b", "a", "c"], ["c", "b"], ["c"]], size=6)
    assert vocabulary.words == ("c", "b")
    assert vocabulary.encode(["a", "b", "c"]).tolist() == [3, 5, 4]
    assert vocabulary.decode(range(6)) == [*RESERVED, "c", "b"]
    with pytest.raises(DataError, match="expected 0 to 5"):
        vocabulary.decode([6])


@pytest.mark.parametrize("words", [[], "abc", ["a", "a"], ["<pad>"], ["a", 3]])
def test_words_that_are_no_vocabulary(words):
    with pytest.raises(ConfigError, match="distinct words"):
        WordVocabulary(words)


def test_targets_are_inputs_one_word_further(make):
    data = make()
    (X, Y, mask), _ = data.load()
    decode = data.vocabulary.decode
    assert decode(X[0]) == ["<start>", "he", "left", "!", "<pad>", "<pad>"]
    assert decode(Y[0]) == ["he", "left", "!", "<end>", "<pad>", "<pad>"]
    assert mask[0].tolist() == [True] * 4 + [False] * 2
    assert decode(Y[1]) == ["why", "did", "he", "leave", "?", "<end>"]
    assert X.dtype == Y.dtype == np.int64


def test_rare_words_are_unknown_and_words_of_the_test_part_do_not_count(make):
    data = make(vocabulary_size=5, test_split=0.5)
    (X, _, _), (X_test, Y_test, mask) = data.load()
    assert data.vocabulary.words == ("he",)
    assert set(Y_test[mask]) == {2, 3}
    assert len(X) == len(X_test) == 2


def test_a_long_sentence_has_no_end(make):
    (X, Y, mask), _ = make(max_length=4).load()
    assert Y[0].tolist()[-1] == 2
    assert 2 not in Y[1]
    assert mask[1].all()
    np.testing.assert_array_equal(X[1, 1:], Y[1, :-1])


def test_a_given_vocabulary_and_a_saved_configuration(make):
    first = make()
    first.load()
    second = registry.get("datasets", make("Why was it late?", words=list(first.vocabulary.words)).to_json())
    (_, Y, _), _ = second.load()
    assert second.vocabulary == first.vocabulary
    assert 3 not in Y


def test_no_words_and_no_vocabulary_yet(make):
    with pytest.raises(DataError, match="no words"):
        make(" \n ").load()
    with pytest.raises(StateError, match="after load"):
        _ = make().vocabulary
    with pytest.raises(ConfigError, match="vocabulary_size"):
        make(vocabulary_size=4)
