"""Another distribution with a package ``npdl`` beside ours: importing it and the command line say so."""

import subprocess
import sys

import pytest

from npdl_core import registry

SAYS = "npdl-compat: the package 'npdl' is also installed by numpydl 0.4.0"


@pytest.fixture
def beside(tmp_path):
    info = tmp_path / "numpydl-0.4.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: numpydl\nVersion: 0.4.0\n")
    (info / "RECORD").write_text("npdl/__init__.py,,\nnpdl/layers/core.py,,\n")
    return tmp_path


def run(code, folder=None):
    code = f"import sys; sys.path.append({str(folder)!r}); {code}"
    return subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=120)


def test_importing_warns(beside):
    done = run("import npdl; npdl.Model()", beside)
    assert done.returncode == 0
    assert f"PluginWarning: {SAYS}" in done.stderr
    assert "pip uninstall numpydl npdl-compat, then install npdl-compat again" in done.stderr
    assert run("import npdl").stderr == ""


def test_the_package_is_a_sound_plugin():
    (plugin,) = [each for each in registry.plugins() if each.distribution == "npdl-compat"]
    assert (plugin.state, plugin.error) == ("ok", "")
    assert registry.check_plugin("npdl-compat") == []


def test_the_command_line_says_so(beside):
    pytest.importorskip("npdl_cli")
    listing = "from npdl_cli.main import main; sys.argv[1:] = ['plugins']; main()"
    assert SAYS not in " ".join(run(listing).stdout.split())
    said = " ".join(run(listing, beside).stdout.split())
    assert SAYS in said
    assert "npdl-rnn" in said
