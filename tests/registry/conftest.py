"""Fabricated distributions: what a real installation leaves in a folder, and nothing else."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import pytest

import npdl_core
from npdl_core.registry import Registry

ROOT = Path(npdl_core.__file__).parents[1]

LAYER = """
class {name}:
    def __init__(self, n_out=1):
        self.n_out = n_out
    def connect_to(self, prev_layer=None):
        self.out_shape = (None, self.n_out)
    def forward(self, input, train=True):
        return input
    def backward(self, pre_grad):
        return pre_grad
"""


class Site:
    """A folder of installed distributions."""

    def __init__(self, path):
        self.path = path
        path.mkdir(exist_ok=True)

    def distribution(self, name, groups=None, version="1.0", files=None, text=None, metadata=None):
        """Write a ``.dist-info`` folder; ``groups`` maps an entry-point group to lines or to targets."""
        info = self.path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        default = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(default if metadata is None else metadata)
        if text is None:
            text = "".join(f"[{group}]\n{_lines(points)}\n" for group, points in (groups or {}).items())
        (info / "entry_points.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        for file, content in (files or {}).items():
            (info / file).write_text(content)
        return info

    def module(self, name, source=""):
        """Write a module, or a module of a package."""
        file = self.path.joinpath(*name.split(".")).with_suffix(".py")
        file.parent.mkdir(exist_ok=True)
        file.write_text(dedent(source))
        return file

    def layer(self, distribution, name, module, cls="Thing", **options):
        """Write a distribution with one working layer."""
        self.module(module, LAYER.format(name=cls))
        return self.distribution(distribution, {"npdl.v1.layers": {name: f"{module}:{cls}"}}, **options)

    def registry(self):
        """Return a registry that sees these distributions and no others."""
        return Registry(path=[self.path])

    def run(self, code, *flags, **environment):
        """Run code in a fresh process that sees these distributions and npdl, and return what it prints."""
        path = os.pathsep.join([str(self.path), str(ROOT)])
        keep = {key: value for key, value in os.environ.items() if not key.startswith("NPDL_")}
        done = subprocess.run(
            [sys.executable, *flags, "-c", dedent(code)],
            env={**keep, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def _lines(points):
    if isinstance(points, str):
        return points
    return "\n".join(f"{name} = {target}" for name, target in points.items())


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An importable folder of distributions; what is imported from it is forgotten afterwards."""
    made = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(str(made.path))
    yield made
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def imported():
    """Return whether a module was imported; the module must be there to be imported."""

    def check(name):
        assert name in sys.modules or find_spec(name) is not None
        return name in sys.modules

    return check
