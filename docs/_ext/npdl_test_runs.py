"""Pages that a run of tests measures: oracles with the largest errors, defects that the kit rejects."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from sphinx.application import Sphinx
from sphinx.util import logging

FOLDER = Path("generated")
LOGGER = logging.getLogger(__name__)


class Page(NamedTuple):
    """A page: what stands above the measured part, the script that prints that, and what it needs."""

    name: str
    script: str
    needs: str
    introduction: str


PAGES = (
    Page(
        "oracles",
        "oracle_table.py",
        "torch",
        """# Oracles

Largest differences between npdl and what it is compared with, measured when this page was made: absolute
where the oracle's numbers are below 1, relative above. PyTorch computes in float64; ONNX's node cases are in
float32.

""",
    ),
    Page(
        "mutations",
        "mutation_table.py",
        "pytest",
        """# What the kit rejects

Every property that `npdl_core.testing` checks, and the defects that were planted to break it. Each was
rejected by that property, and by no earlier one, when this page was made.

""",
    ),
)


def newest(root: Path) -> float:
    """Return when the youngest Python file of the repository was written."""
    folders = [root / "npdl_core", root / "tests", *root.glob("plugins/*/src"), *root.glob("plugins/*/tests")]
    return max(path.stat().st_mtime for folder in folders for path in folder.rglob("*.py"))


def generate(app: Sphinx) -> None:
    """Run the tests and write the pages, unless nothing changed since."""
    root = Path(app.srcdir).parent
    for page in PAGES:
        path = Path(app.srcdir) / FOLDER / f"{page.name}.md"
        if find_spec(page.needs) is None or (path.exists() and path.stat().st_mtime > newest(root)):
            continue
        done = subprocess.run(
            [sys.executable, str(root / "scripts" / page.script)],
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            LOGGER.warning("the tests of the page %s fail:\n%s", page.name, done.stderr)
            continue
        path.parent.mkdir(exist_ok=True)
        path.write_text(page.introduction + done.stdout, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", generate)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
