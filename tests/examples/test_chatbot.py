"""The chatbot learns, decodes, keeps what it learned and answers requests."""

import doctest
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from npdl_core.errors import ConfigError, DataError, FileFormatError, NpdlError

QUESTIONS = ["Hi!", "Are you a robot?", "how are you today", "are you", "what a zebra is 2 ?"]


def tokens(text):
    from npdl_data.words import tokenize

    return tokenize(text)


@pytest.fixture
def untrained(program):
    module = program("chatbot")
    words = module.WordVocabulary(("a", "b", "c"))
    made = module.Chatbot.made(words, n_words=5, n_out=6, seed=3)
    rng = np.random.default_rng(5)
    made.graph.set_weights(
        {name: rng.normal(size=array.shape) for name, array in made.graph.weights().items()}
    )
    return made


# -- text ----------------------------------------------------------------------------------------------------


def test_every_line_answers_the_one_above_up_to_an_empty_one(program):
    found = program("chatbot").exchanges("A, b!\nC.\nD\n \n\nE\n\nF\nG\n")
    assert found == [(["a", "b"], ["c", "."]), (["c"], ["d"]), (["f"], ["g"])]


@pytest.mark.parametrize("text", ["", "\n\n", "one\n\ntwo\n"])
def test_conversations_without_an_answer_are_refused(program, text):
    with pytest.raises(DataError, match="followed by an answer"):
        program("chatbot").exchanges(text)


def test_ids_are_padded_then_reversed_and_answers_have_borders(program, untrained):
    module = program("chatbot")
    words = untrained.vocabulary
    assert module.sources(words, [["a", "b", "z"], ["c"]]).tolist() == [[3, 5, 4], [0, 0, 6]]
    given, due = module.targets(words, [["a", "b"], []])
    assert given.tolist() == [[1, 4, 5], [1, 0, 0]]
    assert due.tolist() == [[4, 5, 2], [2, 0, 0]]


def test_long_sentences_are_cut(program, untrained):
    module = program("chatbot")
    assert module.sources(untrained.vocabulary, [["a"] * 70]).shape == (1, 50)
    given, due = module.targets(untrained.vocabulary, [["a"] * 70])
    assert given.shape == due.shape == (1, 50)
    assert due[0, -1] == module.END


def test_sentences_read_as_they_were_written(program):
    module = program("chatbot")
    text = (Path(module.__file__).parent / "conversations.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line]
    assert len(module.exchanges(text)) >= 36
    assert [module.sentence(tokens(line)) for line in lines] == lines


def test_the_examples_in_its_docstrings_hold(program):
    failed, tried = doctest.testmod(program("chatbot"))
    assert (failed, tried > 0) == (0, True)


# -- the model -----------------------------------------------------------------------------------------------


def test_a_handful_of_answers_is_learned_exactly(bot, pairs):
    assert bot.greedy([question for question, _ in pairs]) == [answer for _, answer in pairs]
    assert bot.answer("Hi!") == "Hello, nice to see you."
    assert bot.answer("are you a ROBOT") == "No, only numbers."


def test_the_embedding_is_shared_and_both_sides_have_two_layers(untrained):
    names = list(untrained.graph.weights())
    assert [untrained.graph.weights()[name].shape for name in names].count((7, 5)) == 1
    assert sum(name.endswith(".U") for name in names) == 4


def test_the_answer_depends_on_the_encoder(untrained):
    first, other = (untrained.begin([[word]]) for word in "ab")
    ids = np.array([1])
    one, two = (np.exp(untrained.step(ids, state)[0]) for state in (first, other))
    assert np.abs(one - two).max() > 1e-3


def test_padded_questions_end_in_the_state_of_each_alone(bot):
    batch = [tokens(text) for text in QUESTIONS]
    together = bot.begin(batch)
    for index, question in enumerate(batch):
        for array, alone in zip(together, bot.begin([question]), strict=True):
            np.testing.assert_allclose(array[:, index], alone[:, 0], atol=1e-6)
    assert bot.greedy(batch) == [bot.greedy([question])[0] for question in batch]


def test_steps_give_what_the_trained_graph_gives(bot, pairs, program):
    module = program("chatbot")
    question, answer = pairs[0]
    given, _ = module.targets(bot.vocabulary, [answer])
    whole = bot.graph.predict({"source": module.sources(bot.vocabulary, [question]), "target": given})
    state = bot.begin([question])
    for t, word in enumerate(given[0]):
        scores, state = bot.step(np.array([word]), state)
        np.testing.assert_allclose(np.exp(scores[0, 4:]), whole[0, t, 4:], rtol=1e-4, atol=1e-7)


# -- decoding ------------------------------------------------------------------------------------------------


def test_greedy_is_a_beam_of_width_one(bot, untrained):
    for text in QUESTIONS:
        assert bot.beam(tokens(text), 1) == bot.greedy([tokens(text)])[0]
    for question in itertools.product("abc", repeat=2):
        assert untrained.beam(list(question), 1, 7) == untrained.greedy([list(question)], 7)[0]


def test_a_wide_beam_finds_what_trying_everything_finds(untrained):
    def score(answer):
        state, ids, total = untrained.begin([["b"]]), 1, 0.0
        for word in (*answer, 2):
            scores, state = untrained.step(np.array([ids]), state)
            ids, total = word, total + scores[0, word]
        return total / (len(answer) + 1)

    answers = [answer for n in range(3) for answer in itertools.product((4, 5, 6), repeat=n)]
    best = max(answers, key=score)
    assert untrained.beam(["b"], 1000, longest=3) == untrained.vocabulary.decode(best)


def test_a_beam_sees_past_a_likely_first_word(untrained, monkeypatch):
    following = {1: {4: 0.6, 5: 0.4}, 4: {4: 0.3, 6: 0.3, 2: 0.4}, 5: {2: 1.0}, 6: {2: 1.0}}

    def step(ids, state):
        table = np.full((len(ids), 7), -np.inf)
        for row, word in enumerate(ids):
            for after, probability in following[word].items():
                table[row, after] = np.log(probability)
        return table, state

    monkeypatch.setattr(untrained, "step", step)
    assert untrained.greedy([["a"]]) == [["a"]]
    assert untrained.beam(["a"], 2) == ["b"]


def test_answers_end_and_hold_words_only(untrained):
    (answer,) = untrained.greedy([["a"]], longest=9)
    assert len(answer) <= 9
    for width in (2, 5):
        found = untrained.beam(["c"], width, longest=9)
        assert len(found) <= 9
        assert set(found) <= set("abc")


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_question_without_a_word_is_refused(bot, text):
    for width in (1, 3):
        with pytest.raises(DataError, match="at least one word"):
            bot.answer(text, width)


# -- files ---------------------------------------------------------------------------------------------------


def test_a_saved_chatbot_answers_the_same(bot, program, tmp_path):
    bot.save(tmp_path / "bot.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bot.safetensors", "bot.safetensors.json"]
    loaded = program("chatbot").Chatbot.load(tmp_path / "bot.safetensors")
    assert [loaded.answer(text) for text in QUESTIONS] == [bot.answer(text) for text in QUESTIONS]


@pytest.mark.parametrize(
    ("words", "error"),
    [('["a"]', ConfigError), ('{"a": 1}', ConfigError), ("[1, 2, 3]", ConfigError), ("[", FileFormatError)],
)
def test_another_vocabulary_is_refused(untrained, program, tmp_path, words, error):
    untrained.save(tmp_path / "bot")
    (tmp_path / "bot.json").write_text(words)
    with pytest.raises(error):
        program("chatbot").Chatbot.load(tmp_path / "bot")


def test_a_model_that_is_no_chatbot_is_refused(untrained, program, tmp_path):
    from npdl_core import Graph

    untrained.save(tmp_path / "bot")
    Graph({"x": {"shape": (2,)}}, {"word": ({"name": "dense", "config": {"n_out": 7}}, "x")}, "word").save(
        tmp_path / "bot"
    )
    with pytest.raises(NpdlError, match="no chatbot"):
        program("chatbot").Chatbot.load(tmp_path / "bot")


def test_the_training_program_saves_and_reports(program, tmp_path, capsys):
    talk, model = tmp_path / "talk.txt", tmp_path / "bot"
    talk.write_text("Hi!\nHello.\n", encoding="utf-8")
    program("train").main([str(talk), "--output", str(model), "--epochs", "40", "--units", "8"])
    out = capsys.readouterr().out
    assert "1 exchanges, 7 ids" in out
    assert "1 of 1 questions" in out
    assert program("chatbot").Chatbot.load(model).answer("hi!") == "Hello."


@pytest.mark.parametrize(
    ("content", "output", "message"),
    [
        (b"\xff\xfe", "bot", "not UTF-8"),
        (b"alone", "bot", "followed by an answer"),
        (None, "bot", "No such file"),
        (b"a\nb", "nowhere/bot", "does not exist"),
    ],
)
def test_the_training_program_says_what_is_wrong(program, tmp_path, capsys, content, output, message):
    talk = tmp_path / "talk.txt"
    if content is not None:
        talk.write_bytes(content)
    with pytest.raises(SystemExit):
        program("train").main([str(talk), "--output", str(tmp_path / output), "--epochs", "1"])
    assert message in capsys.readouterr().err


# -- the server ----------------------------------------------------------------------------------------------


@pytest.fixture
def client(program, bot):
    return program("serve").make_app(bot).test_client()


def asked(client, text):
    return client.post("/ask", data={"messageText": text})


def test_a_message_gets_its_answer(client, program, bot):
    reply = asked(client, "Are you a robot?")
    assert reply.status_code == 200
    assert reply.mimetype == "application/json"
    assert reply.json == {"status": "OK", "answer": "No, only numbers."}
    wide = program("serve").make_app(bot, width=3).test_client()
    assert asked(wide, "Are you a robot?").json == reply.json


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_message_gets_a_reason(client, text):
    reply = asked(client, text)
    assert (reply.status_code, reply.json["status"]) == (400, "error")
    assert "word" in reply.json["answer"]
    assert client.post("/ask").status_code == 400


def test_messages_are_bounded(client, program):
    longest = program("serve").LONGEST_MESSAGE
    assert asked(client, "a" * longest).status_code == 200
    assert asked(client, "\N{GRINNING FACE}" * longest).status_code == 200
    reply = asked(client, "a " * longest)
    assert (reply.status_code, reply.json["status"]) == (400, "error")
    assert str(longest) in reply.json["answer"]
    assert asked(client, "a" * 100_000).status_code == 413
    many = client.post("/ask", data={f"field{k}": "x" * 20 for k in range(1000)})
    assert (many.status_code, many.json["status"]) == (413, "error")


@pytest.mark.parametrize(
    ("method", "address", "code", "allowed"),
    [
        ("get", "/ask", 405, "POST"),
        ("put", "/ask", 405, "POST"),
        ("post", "/", 405, "GET"),
        ("get", "/quit", 404, None),
    ],
)
def test_other_methods_and_addresses_are_refused(client, method, address, code, allowed):
    reply = getattr(client, method)(address)
    assert (reply.status_code, reply.json["status"]) == (code, "error")
    assert allowed is None or allowed in reply.headers["Allow"]


def test_what_looks_like_html_stays_text(client):
    reply = asked(client, "What is 1 < 2?")
    assert reply.mimetype == "application/json"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert json.loads(reply.data)["answer"].replace(" ", "").lower() == "<b>true</b>"
    echoed = asked(client, "<script>alert(1)</script>")
    assert echoed.status_code == 200
    assert b"alert" not in echoed.data


def test_the_page_has_a_form_and_only_its_own_script(client, program):
    reply = client.get("/")
    page = reply.get_data(as_text=True)
    assert 'name="messageText"' in page
    assert f'maxlength="{program("serve").LONGEST_MESSAGE}"' in page
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for name in ("page.js", "page.css"):
        assert f"/static/{name}" in page
        with client.get(f"/static/{name}") as file:
            assert file.status_code == 200
    with client.get("/static/page.js") as script:
        assert "innerHTML" not in script.get_data(as_text=True)


def test_the_server_listens_on_this_machine_only_by_default(program, bot, tmp_path, monkeypatch):
    serve = program("serve")
    bot.save(tmp_path / "bot")
    calls = []
    monkeypatch.setattr(serve.Flask, "run", lambda app, host, port: calls.append((host, port)))
    serve.main([str(tmp_path / "bot")])
    serve.main([str(tmp_path / "bot"), "--host", "0.0.0.0", "--port", "81", "--beam", "4"])
    assert calls == [("127.0.0.1", 5000), ("0.0.0.0", 81)]


def test_the_server_says_that_there_is_no_model(program, tmp_path, capsys):
    with pytest.raises(SystemExit):
        program("serve").main([str(tmp_path / "none")])
    assert "No such file" in capsys.readouterr().err
