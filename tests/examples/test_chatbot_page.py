"""The chatbot's page in a real browser, which is driven through its debugging pipe."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import threading
import time

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
]
SECONDS = 60


class Browser:
    """One page of a headless browser: commands are JSON texts that end in a zero byte."""

    def __init__(self, program, folder):
        reads, self._to = os.pipe()
        self._from, writes = os.pipe()
        self._buffer, self._count = b"", 0
        # The browser reads commands from descriptor 3 and writes to descriptor 4.
        shell = ["sh", "-c", f'exec "$@" 3</dev/fd/{reads} 4>/dev/fd/{writes}', "browser"]
        self._process = subprocess.Popen(
            [*shell, program, *OPTIONS, f"--user-data-dir={folder}", "about:blank"],
            pass_fds=(reads, writes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(reads)
        os.close(writes)
        self._session = None
        try:
            targets = self.call("Target.getTargets")["targetInfos"]
            page = next(target["targetId"] for target in targets if target["type"] == "page")
            self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        except BaseException:
            self.close()
            raise

    def call(self, method, **params):
        """Return the result of a command."""
        self._count += 1
        session = {"sessionId": self._session} if self._session else {}
        command = {"id": self._count, "method": method, "params": params, **session}
        os.write(self._to, json.dumps(command).encode() + b"\0")
        while (reply := self._message()).get("id") != self._count:
            pass
        assert "error" not in reply, reply
        return reply["result"]

    def _message(self):
        until = time.monotonic() + SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(until - time.monotonic(), 0))
            data = os.read(self._from, 1 << 16) if ready else b""
            assert data, "the browser says nothing"
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(text)

    def value(self, expression):
        """Return the value of a JavaScript expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression):
        """Wait until a JavaScript expression holds."""
        until = time.monotonic() + SECONDS
        while not self.value(expression):
            assert time.monotonic() < until, (expression, self.value("document.documentElement.outerHTML"))
            time.sleep(0.05)

    def close(self):
        """End the browser."""
        with contextlib.suppress(OSError, AssertionError):
            self._session = None
            self.call("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)


@pytest.fixture(scope="module")
def address(program, bot):
    """Serve the chatbot on a free port of this machine."""
    app = program("serve").make_app(bot)
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(address, tmp_path):
    """Return a browser that shows the page."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no headless browser: Debian's package chromium brings it")
    browser = Browser(found, tmp_path / "profile")
    try:
        browser.call("Page.navigate", url=address)
        browser.wait("location.protocol === 'http:' && document.readyState === 'complete'")
        yield browser
    finally:
        browser.close()


def said(page):
    """Return who said what on the page."""
    return page.value(
        "[...document.querySelectorAll('#talk li')].map(line => [line.className, line.textContent])"
    )


def ask(page, text):
    """Type a message, press Enter, and wait for the next line but one."""
    count = len(said(page))
    page.value("document.getElementById('messageText').focus()")
    page.call("Input.insertText", text=text)
    for kind in ("keyDown", "keyUp"):
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        page.call("Input.dispatchKeyEvent", type=kind, **key)
    page.wait(f"document.querySelectorAll('#talk li').length === {count + 2}")
    page.wait("!document.querySelector('button').disabled")


def test_a_message_is_asked_and_answered(page):
    assert page.value("document.querySelector('h1').textContent") == "Chatbot"
    assert page.value("getComputedStyle(document.querySelector('#talk')).display") == "flex"
    assert said(page) == []
    ask(page, "Hi!")
    ask(page, "Are you a robot?")
    assert said(page) == [
        ["you", "Hi!"],
        ["bot", "Hello, nice to see you."],
        ["you", "Are you a robot?"],
        ["bot", "No, only numbers."],
    ]
    assert page.value("document.getElementById('messageText').value") == ""


def test_html_is_shown_as_text(page, bot):
    ask(page, "<img src=x onerror='document.title=1'>")
    ask(page, "What is 1 < 2?")
    shown = said(page)
    assert shown[0] == ["you", "<img src=x onerror='document.title=1'>"]
    assert shown[3] == ["bot", bot.answer("What is 1 < 2?")]
    assert "<" in shown[3][1]
    assert page.value("document.querySelectorAll('#talk li *').length") == 0
    assert page.value("document.title") == "npdl chatbot"


def test_the_field_takes_no_more_than_the_server(page, program):
    page.value("document.getElementById('messageText').focus()")
    page.call("Input.insertText", text="a" * 1000)
    length = page.value("document.getElementById('messageText').value.length")
    assert length == program("serve").LONGEST_MESSAGE


def test_a_refusal_is_shown(page):
    ask(page, "   ")
    assert [who for who, _ in said(page)] == ["you", "error"]
