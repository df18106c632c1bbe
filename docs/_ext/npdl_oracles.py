"""The page of oracles and the largest errors of what is compared with them; only where PyTorch is there."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

PAGE = Path("generated", "oracles.md")
LOGGER = logging.getLogger(__name__)
INTRODUCTION = """# Oracles

Largest differences between npdl and what it is compared with, measured when this page was made: absolute
where the oracle's numbers are below 1, relative above. PyTorch computes in float64; ONNX's node cases are in
float32.

"""


def newest(root: Path) -> float:
    """Return when the youngest Python file of the repository was written."""
    folders = [root / "npdl_core", root / "tests", *root.glob("plugins/*/src"), *root.glob("plugins/*/tests")]
    return max(path.stat().st_mtime for folder in folders for path in folder.rglob("*.py"))


def generate(app: Sphinx) -> None:
    """Run the tests against oracles and write their errors, unless nothing changed since."""
    root, page = Path(app.srcdir).parent, Path(app.srcdir) / PAGE
    if find_spec("torch") is None or (page.exists() and page.stat().st_mtime > newest(root)):
        return
    done = subprocess.run(
        [sys.executable, str(root / "scripts" / "oracle_table.py")],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        LOGGER.warning("the tests against oracles fail:\n%s", done.stderr)
        return
    page.parent.mkdir(exist_ok=True)
    page.write_text(INTRODUCTION + done.stdout, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", generate)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
