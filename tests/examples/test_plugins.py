"""The packages in examples/plugin-*: found through their metadata, they pass their own tests and their pages run."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(ROOT.glob("examples/plugin-*"))


@pytest.fixture
def installed(tmp_path):
    """Return a function that runs Python where a package's metadata and modules are found."""

    def run(package, *arguments):
        project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
        info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        lines = [
            f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
            for group, points in project["entry-points"].items()
        ]
        (info / "entry_points.txt").write_text("".join(lines))
        places = [tmp_path, package / "src", package, *filter(None, [os.environ.get("PYTHONPATH")])]
        keep = {key: value for key, value in os.environ.items() if not key.startswith("NPDL_")}
        return subprocess.run(
            [sys.executable, "-P", *map(str, arguments)],
            env={**keep, "PYTHONPATH": os.pathsep.join(map(str, places)), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


def test_there_are_some():
    assert {package.name for package in PACKAGES} >= {"plugin-attention", "plugin-highway"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_they_pass_their_own_tests(installed, package):
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error"]
    places = ["-c", package / "pyproject.toml", "--rootdir", package, package / "tests"]
    done = installed(package, "-m", "pytest", *options, *places)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_their_pages_run(installed, package, tmp_path):
    text = (package / "README.md").read_text()
    blocks = [part.split("```")[0] for part in text.split("```python\n")[1:]]
    assert blocks
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks))
    done = installed(package, "-W", "error", script)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_smallest_package_has_forty_five_lines():
    package = ROOT / "examples" / "plugin-highway"
    files = [package / "pyproject.toml", package / "npdl_highway.py", package / "tests" / "test_highway.py"]
    assert sum(len(file.read_text().splitlines()) for file in files) <= 45
