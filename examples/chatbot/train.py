"""Teach the chatbot conversations and save it.

    python examples/chatbot/train.py
    python examples/chatbot/train.py my-conversations.txt --output my-bot.safetensors --epochs 300

A text file in UTF-8: the lines of a conversation beneath each other, each the answer to the one above, and an
empty line between conversations.
"""

import argparse
from pathlib import Path

from chatbot import Chatbot, exchanges, sentence

from npdl_core.errors import DataError, NpdlError
from npdl_core.saving.paths import check_target
from npdl_data.words import WordVocabulary

HERE = Path(__file__).parent


def trained(text, epochs, words=5000, n_words=64, n_out=128, lr=0.005, seed=0):
    """Return a chatbot that has learned the conversations of a text, and its history."""
    pairs = exchanges(text)
    vocabulary = WordVocabulary.of((line for pair in pairs for line in pair), words)
    bot = Chatbot.made(vocabulary, n_words, n_out, seed)
    return bot, bot.learn(pairs, epochs, lr)


def recalled(bot, pairs):
    """Return how many questions get one of the answers that the conversations give them."""
    due = {}
    for question, answer in pairs:
        due.setdefault(tuple(question), []).append(answer)
    given = bot.greedy([list(question) for question in due])
    return sum(answer in answers for answer, answers in zip(given, due.values(), strict=True)), len(due)


def read(path):
    """Return the text of a conversation file."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"the conversations are not UTF-8: {error}") from error


def main(arguments=None):
    """Train, say what came of it, and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("conversations", nargs="?", default=HERE / "conversations.txt")
    parser.add_argument("--output", default="chatbot.safetensors", help="the vocabulary goes beside it")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--words", type=int, default=5000, help="size of the vocabulary (default: 5000)")
    parser.add_argument("--units", type=int, default=128, help="of each LSTM layer (default: 128)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    try:
        check_target(given.output)  # before the time that training takes
        text = read(given.conversations)
        bot, history = trained(text, given.epochs, given.words, n_out=given.units, seed=given.seed)
        bot.save(given.output)
    except (NpdlError, OSError) as error:
        parser.error(str(error))
    pairs = exchanges(text)
    right, asked = recalled(bot, pairs)
    print(f"{len(pairs)} exchanges, {len(bot.vocabulary)} ids; loss {history.history['loss'][-1]:.4f}")
    print(f"{right} of {asked} questions get their answer; saved as {given.output}")
    for question, _ in pairs[:3]:
        print(f"  {sentence(question)} -> {bot.answer(' '.join(question))}")


if __name__ == "__main__":
    main()
