"""Serve a trained chatbot: a page with a text box, for this machine only unless told otherwise.

    python examples/chatbot/train.py
    python examples/chatbot/serve.py chatbot.safetensors

GET ``/`` is the page; POST ``/ask`` with the form field ``messageText`` returns JSON: ``status``, ``answer``.
"""

import argparse

from chatbot import Chatbot
from flask import Flask, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from npdl_core.errors import DataError, NpdlError

#: Longest message in characters; one in UTF-8 and percent signs takes up to twelve bytes for each.
LONGEST_MESSAGE = 300
LARGEST_REQUEST = 16 * LONGEST_MESSAGE

# The page runs its own script and nothing else, whatever an answer holds.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def refusal(reason, code):
    """Return a response that says why there is no answer."""
    return jsonify(status="error", answer=reason), code


def make_app(bot, width=1):
    """Return the Flask application that answers with a chatbot, by beam search if ``width`` is above 1."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST

    @app.get("/")
    def page():
        return render_template("page.html", longest=LONGEST_MESSAGE)

    @app.post("/ask")
    def ask():
        message = request.form.get("messageText", "").strip()
        if len(message) > LONGEST_MESSAGE:
            return refusal(f"Please use at most {LONGEST_MESSAGE} characters.", 400)
        try:
            return jsonify(status="OK", answer=bot.answer(message, width))
        except DataError:
            return refusal("Please write a word or two.", 400)

    @app.errorhandler(HTTPException)
    def refused(error):
        response, _ = refusal(error.name, error.code)
        for name, value in error.get_headers():
            if name == "Allow":
                response.headers[name] = value
        return response, error.code

    @app.after_request
    def guarded(response):
        response.headers.update(HEADERS)
        return response

    return app


def main(arguments=None):
    """Load a chatbot and serve it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="chatbot.safetensors")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--beam", type=int, default=1, choices=range(1, 17), help="width of the beam search")
    given = parser.parse_args(arguments)
    try:
        bot = Chatbot.load(given.model)
    except (NpdlError, OSError) as error:
        parser.error(str(error))
    make_app(bot, given.beam).run(given.host, given.port)


if __name__ == "__main__":
    main()
