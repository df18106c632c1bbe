"""A newcomer's way from ``npdl plugin new`` to a model that names the new layer, walked and timed.

``python scripts/newcomer_walk.py WHEEL… > docs/plugins/12-walk.md`` installs the wheels into a fresh
environment, runs the commands in an empty folder, and prints the page with what they printed and the seconds.
``make wheels`` builds the wheels; core's, npdl-cli's and npdl-data's (with its extra ``sklearn``) are needed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

INTRODUCTION = """# A newcomer's walk

From nothing to a trained model that names a layer of one's own: every command below was run in an empty
folder, in an environment with npdl-core, npdl-cli and npdl-data, and printed what stands here. On a machine
with {cores} cores the commands took **{total:.0f} seconds** together. `scripts/newcomer_walk.py` walked the
way and wrote this page.
"""

MODULE = (ROOT / "examples" / "plugin-highway" / "npdl_highway.py").read_text(encoding="utf-8")

CONFIG = """[data]
name = "digits"

[model]
seed = 1

[[model.layers]]
name = "flatten"

[[model.layers]]
name = "dense"
n_out = 64
activation = "relu"

[[model.layers]]
name = "highway"

[[model.layers]]
name = "highway"

[[model.layers]]
name = "softmax"
n_out = 10

[compile]
loss = "scce"
optimizer = { name = "sgd", lr = 0.1, momentum = 0.9 }
metrics = ["accuracy"]

[fit]
epochs = 10
batch_size = 32
"""

USE = """import numpy as np
import npdl_core as npdl

model = npdl.load("runs/digits_highway/model.safetensors")
print(model.layers[2].to_json())
(X, Y), (X_test, Y_test) = npdl.datasets.Digits().load()
print("right:", np.mean(model.predict(X_test).argmax(axis=-1) == Y_test).round(3))
"""

# A string is text, a pair a file with its content, a list a command.
STEPS: list[str | tuple[str, str] | list[str]] = [
    "## A package that works\n\nThe package is called `npdl-highway`, so its layer is called `highway`:",
    ["npdl plugin new npdl-highway"],
    "Install it so that changes are seen at once, and run its test:",
    ["pip install -qq -e npdl-highway pytest", "pytest -q npdl-highway"],
    "## Your layer\n\nThe generated layer learns a factor for each feature. Replace it by what you came for:",
    ("npdl-highway/npdl_highway.py", MODULE),
    ["pytest -q npdl-highway", "npdl plugin check npdl-highway"],
    "## A model that names it\n\nNothing is imported by hand: the configuration says the name.",
    ("digits_highway.toml", CONFIG),
    ["npdl train digits_highway.toml"],
    "The run trained the model, saved it, loaded it again, and saw that it predicts the same. From Python:",
    ("use.py", USE),
    ["python use.py"],
    "## Without the package\n\nThe file says what it needs. Nothing is guessed, and nothing else breaks:",
    ["pip uninstall -qqy npdl-highway", "npdl evaluate runs/digits_highway/model.safetensors"],
]


class Walk:
    """The environment, the folder, and the clock."""

    def __init__(self, folder: Path, wheels: list[str]) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        venv.create(folder / "venv", with_pip=True)
        self.bin = folder / "venv" / "bin"
        self.total = 0.0
        install = [str(self.bin / "python"), "-m", "pip", "install", "-q", *wheels]
        subprocess.run(install, check=True, stdout=sys.stderr)

    def run(self, command: str) -> str:
        """Run one command and return it with what it printed, and the seconds; it may end with an error."""
        begun = time.perf_counter()
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env={
                **{
                    key: value for key, value in os.environ.items() if not key.startswith(("NPDL_", "PYTHON"))
                },
                "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - begun
        self.total += seconds
        shown = "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip()
        lines = [f"$ {command}", *([shown] if shown else [])]
        if done.returncode and "Error: " not in shown:
            sys.exit("\n".join(lines))
        return "```console\n{}\n```\n\n*{:.1f} s*".format("\n".join(lines), seconds)


def main(wheels: list[str]) -> None:
    """Walk, and print the page."""
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(
            Path(folder), [str(Path(wheel).resolve()) if os.sep in wheel else wheel for wheel in wheels]
        )
        for step in STEPS:
            if isinstance(step, str):
                parts.append(step)
            elif isinstance(step, tuple):
                name, text = step
                (walk.folder / name).write_text(text, encoding="utf-8")
                language = "toml" if name.endswith(".toml") else "python"
                parts.append(f"```{language}\n# {name}\n{text}```")
            else:
                parts += [walk.run(command) for command in step]
    introduction = INTRODUCTION.format(cores=os.cpu_count(), total=walk.total).strip()
    print("\n\n".join([introduction, *parts]))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: {shlex.quote(sys.argv[0])} WHEEL…")
    main(sys.argv[1:])
