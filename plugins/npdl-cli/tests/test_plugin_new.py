"""``npdl plugin new``: what it writes installs, is found by name and passes its own test."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest
from hatchling.build import build_wheel

from npdl_cli.plugin_author.kinds import KINDS
from npdl_cli.plugin_author.scaffold import LICENCES
from npdl_core.builtin import KINDS as PLURALS

RUN = """
import json, sys
import pytest

class Outcomes:
    found = {}
    def pytest_runtest_logreport(self, report):
        if report.when == "call" or not report.passed:
            self.found[report.nodeid] = report.outcome + str(report.longrepr or "")

options = ["-q", "-W", "error", "--import-mode=importlib", "-p", "no:cacheprovider", "--rootdir=."]
pytest.main([*options, *sys.argv[1:]], [Outcomes()])
from npdl_core import registry
records = {plugin.distribution: [plugin.state, plugin.names] for plugin in registry.plugins()}
print("\\n" + json.dumps([Outcomes.found, records]))
"""


def install(package, site, monkeypatch):
    """Build a wheel and unpack it, which is what pip does with one of pure Python."""
    monkeypatch.chdir(package)
    wheel = build_wheel(str(site.parent))
    with zipfile.ZipFile(site.parent / wheel) as archive:
        archive.extractall(site)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Generate a package of every kind, install all of them, and run their tests in one fresh process."""
    from click.testing import CliRunner

    from npdl_cli.main import make_command

    folder = tmp_path_factory.mktemp("generated")
    site = folder / "site"
    with pytest.MonkeyPatch.context() as patch:
        for kind in KINDS:
            package = folder / f"npdl-my-{kind}"
            arguments = ["plugin", "new", f"npdl-my-{kind}", "--kind", kind, "--path", str(package)]
            done = CliRunner().invoke(make_command(), arguments)
            assert done.exit_code == 0, done.output
            install(package, site, patch)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    only = ",".join(f"npdl-my-{kind}" for kind in KINDS)  # whatever else is installed is no part of this
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN, *(str(folder / f"npdl-my-{kind}") for kind in KINDS)],
        env={**os.environ, "PYTHONPATH": path, "NPDL_PLUGINS": only, "OMP_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    outcomes, records = json.loads(done.stdout.splitlines()[-1])
    return folder, outcomes, records


def test_there_is_a_template_for_every_kind_and_for_hooks():
    assert {about.group for about in KINDS.values()} == {*PLURALS, "hooks"}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_found_by_name_and_passes_its_own_test(generated, kind):
    _, outcomes, records = generated
    mine = {node: outcome for node, outcome in outcomes.items() if f"npdl-my-{kind}/" in node}
    assert list(mine.values()) == ["passed"], mine
    name = KINDS[kind].fixed or f"my_{kind}"
    assert records[f"npdl-my-{kind}"] == ["ok", {KINDS[kind].group: [name]}]


def test_a_layer_takes_forty_five_lines_in_three_files(generated):
    folder, _, _ = generated
    files = [
        folder / "npdl-my-layer" / file
        for file in ("pyproject.toml", "npdl_my_layer.py", "tests/test_my_layer.py")
    ]
    assert sum(len(file.read_text().splitlines()) for file in files) <= 45
    assert sum(len(line) > 110 for file in files for line in file.read_text().splitlines()) == 0


def test_a_generated_test_bites(generated, tmp_path, monkeypatch):
    """A defect in the generated layer is found by the generated test, by name, input and seed."""
    folder, _, _ = generated
    package = tmp_path / "npdl-my-layer"
    shutil.copytree(folder / "npdl-my-layer", package)
    module = package / "npdl_my_layer.py"
    module.write_text(module.read_text().replace("return pre_grad * self.s", "return pre_grad"))
    install(package, tmp_path / "site", monkeypatch)
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN, str(package)],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    outcomes, _ = json.loads(done.stdout.splitlines()[-1])
    (text,) = outcomes.values()
    for part in (
        "failed",
        "property 'gradients' does not hold",
        "input shape:",
        "seed:",
        "expected:",
        "got:",
    ):
        assert part in text


@pytest.mark.parametrize("licence", LICENCES)
def test_licences(npdl, tmp_path, licence):
    done = npdl(
        "plugin", "new", "npdl-mine", "--licence", licence, "--holder", "Ada L.", "--path", tmp_path / "new"
    )
    assert done.exit_code == 0, done.output
    project = tomllib.loads((tmp_path / "new" / "pyproject.toml").read_text())["project"]
    if licence == "none":
        assert not (tmp_path / "new" / "LICENSE").exists()
        assert "license" not in project
    else:
        assert project["license"] == licence
        text = (tmp_path / "new" / "LICENSE").read_text()
        assert licence == "Apache-2.0" or "Ada L." in text
        assert "$" not in text


def test_it_prints_what_it_wrote_and_what_to_do_next(npdl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = npdl("plugin", "new", "NPDL_Highway")
    written = sorted(
        str(p.relative_to(tmp_path)) for p in (tmp_path / "npdl-highway").rglob("*") if p.is_file()
    )
    assert sorted(line.split()[0] for line in done.stdout.split("\n\n")[0].splitlines()) == written
    assert done.stdout.split("\n\n")[1].splitlines() == [
        "pip install -e npdl-highway",
        "pytest npdl-highway",
        "npdl plugin check npdl-highway",
    ]
    assert os.listdir(tmp_path) == ["npdl-highway"]
    assert (tmp_path / "npdl-highway").stat().st_mode & 0o777 == 0o755


def test_the_components_name_can_be_chosen(npdl, tmp_path):
    done = npdl("plugin", "new", "ada-layers", "--component", "gated_sum", "--path", tmp_path / "new")
    assert done.exit_code == 0, done.output
    points = tomllib.loads((tmp_path / "new" / "pyproject.toml").read_text())["project"]["entry-points"]
    assert points == {"npdl.v1.layers": {"gated_sum": "ada_layers:GatedSum"}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["npdl-lstm"], "there is a layer 'lstm' already, in npdl-rnn"),
        (["npdl-dense"], "there is a layer 'dense' already, in npdl-core"),
        (["my-toys", "--kind", "dataset", "--component", "blobs"], "already, in toy-data"),
        (["npdl-acc", "--kind", "metric"], "already, in npdl-core"),
        (["npdl-core"], "one of npdl's own packages"),
        (["Npdl.RNN"], "one of npdl's own packages"),
        (["json"], "would hide another one"),
        (["toy-data"], "'toy_data' is installed already"),
        (["../evil"], "no name of a distribution"),
        (["a b"], "no name of a distribution"),
        (["\x1b[31m"], "no name of a distribution"),
        (["1st"], "no module that Python could import"),
        (["class"], "no module that Python could import"),
        (["npdl-none"], "no layer can be called 'none'"),
        (["npdl-layer"], "no layer can be called 'layer'"),
        (["npdl-x", "--component", "Größe"], "no layer can be called"),
        (["npdl-x", "--component", "a; import os"], "no layer can be called"),
        (["npdl-x", "--kind", "kernel", "--component", "lstm_forward"], "overrides 'affine_forward'"),
        (["npdl-x", "--holder", "a\nb"], "one printable line"),
        (["npdl-x", "--kind", "layers"], "is not one of 'layer'"),
    ],
)
def test_names_that_cannot_be_are_refused_and_nothing_is_written(
    npdl, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    before = set(os.listdir(tmp_path))
    done = npdl("plugin", "new", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert set(os.listdir(tmp_path)) == before


def test_nothing_is_overwritten(npdl, tmp_path):
    folder = tmp_path / "npdl-mine"
    folder.mkdir()
    (folder / "mine").write_text("precious")
    done = npdl("plugin", "new", "npdl-mine", "--path", folder)
    assert done.exit_code == 1
    assert "nothing was written" in done.stderr
    assert os.listdir(folder) == ["mine"]
    assert os.listdir(tmp_path) == ["npdl-mine"]
    (folder / "mine").unlink()
    assert npdl("plugin", "new", "npdl-mine", "--path", folder).exit_code == 0


def test_a_file_in_the_way_stays(npdl, tmp_path):
    (tmp_path / "npdl-mine").write_text("precious")
    done = npdl("plugin", "new", "npdl-mine", "--path", tmp_path / "npdl-mine")
    assert done.exit_code != 0
    assert (tmp_path / "npdl-mine").read_text() == "precious"
    assert os.listdir(tmp_path) == ["npdl-mine"]
