"""Every code block of docs/plugins and docs/tutorials runs, in the order in which a reader meets it."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
PAGES = sorted((DOCS / "plugins").glob("*.md"))
PLUGINS = ("npdl_conv", "npdl_data", "npdl_optim", "npdl_rnn")
TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))


def case(page):
    """Return a parameter; pages with commands start many processes."""
    marks = [pytest.mark.slow] if "```console" in page.read_text(encoding="utf-8") else []
    return pytest.param(page, id=f"{page.parent.name}-{page.stem}", marks=marks)


@pytest.mark.parametrize("page", [case(page) for page in PAGES + TUTORIALS])
def test_page(page, tmp_path):
    text = page.read_text(encoding="utf-8")
    for sign, module in (
        ("$ npdl", "npdl_cli"),
        ('name = "digits"', "npdl_data"),
        ('name = "digits"', "sklearn"),
        *((f"from {module} import", module) for module in PLUGINS),
    ):
        if sign in text and find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("NPDL_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", str(HERE / "run_page.py"), str(page), str(tmp_path)],
        env={**keep, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def test_the_ladder_has_its_steps():
    assert len(PAGES) >= 12


def test_tutorials_have_code_to_run():
    pages = [page for page in TUTORIALS if page.stem != "index"]
    assert len(pages) >= 8
    assert all("\n```python\n" in page.read_text(encoding="utf-8") for page in pages)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```python\n1 / 0\n```\n", "ZeroDivisionError"),
        ("```python\nprint(1)\n```\n\n```text\n2\n```\n", "expected:"),
        ("```toml\n[a\n```\n", "TOMLDecodeError"),
        ("```console\n$ python -c 'raise SystemExit(2)'\n```\n", "AssertionError"),
        ("```console\n$ python -c 'print(1)'\nwords\n```\n", "not printed"),
        ("```ruby\nputs\n```\n", "ruby"),
    ],
)
def test_what_does_not_run_is_found(tmp_path, text, message):
    page = tmp_path / "page.md"
    page.write_text(text)
    (tmp_path / "folder").mkdir()
    done = subprocess.run(
        [sys.executable, "-P", str(HERE / "run_page.py"), str(page), str(tmp_path / "folder")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "page.md, line " in done.stderr
