"""``npdl plugin check``: what is right passes, and each planted fault is named, with exit code 1."""

import os
import sys
import zipfile
from itertools import count

import pytest
from hatchling.build import build_wheel

from npdl_cli.plugin_author.kinds import KINDS
from npdl_core import registry

_NUMBER = count()


@pytest.fixture
def package(npdl, tmp_path):
    """Generate a package under a name of its own, with texts replaced; its modules are forgotten afterwards."""

    def make(*replacements, kind="layer"):
        name = f"npdl-p{next(_NUMBER)}"
        folder = tmp_path / name
        assert npdl("plugin", "new", name, "--kind", kind, "--path", folder).exit_code == 0
        for old, new in replacements:
            files = [folder / "pyproject.toml", *folder.glob("*.py")]
            (file,) = [file for file in files if old in file.read_text()]
            file.write_text(file.read_text().replace(old, new))
        return folder

    yield make
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_just_generated_is_ready(npdl, package, kind):
    folder = package(kind=kind)
    path = list(sys.path)
    done = npdl("plugin", "check", folder)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"{folder.name} 0.1.0\n")
    assert done.stdout.endswith("ready to be published\n")
    assert sys.path == path
    assert folder.name not in registry.default().catalogue.versions


def test_the_current_folder_is_the_default(npdl, package, monkeypatch):
    monkeypatch.chdir(package())
    assert npdl("plugin", "check").exit_code == 0


def test_modules_may_be_in_src(npdl, package):
    folder = package()
    (folder / "src").mkdir()
    (module,) = folder.glob("*.py")
    module.rename(folder / "src" / module.name)
    assert npdl("plugin", "check", folder).exit_code == 0


def test_a_wheel_and_then_what_it_installs(npdl, package, monkeypatch, tmp_path):
    folder = package()
    monkeypatch.chdir(folder)
    wheel = tmp_path / build_wheel(str(tmp_path))
    done = npdl("plugin", "check", wheel)
    assert done.exit_code == 0, done.output
    assert "47 properties" in done.stdout
    assert not [name for name in sys.path if "npdl-check-" in name]
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    sys.modules.pop(folder.name.replace("-", "_"))
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    registry.refresh()
    assert npdl("plugin", "check", folder.name.upper()).exit_code == 0


def test_properties_are_listed(npdl, package):
    folder = package(kind="initializer")
    done = npdl("plugin", "check", folder, "--properties")
    assert "  seed_determines_the_numbers: " in done.stdout
    assert "  seed_determines_the_numbers: " not in npdl("plugin", "check", folder).stdout


CONSTRUCTOR = 'self.init = self.init_argument("init", init)'
FORWARD = "return input * self.s"
RETAIN = "        if train:\n            self.retain(input)"
LAYER_FAULTS = {
    "no module": (":P", "_gone:P", "cannot be loaded: ModuleNotFoundError"),
    "no attribute": (":P", ":Q", "cannot be loaded: AttributeError"),
    "no class": (":P", ":__doc__#", "not written as module:attribute"),
    "no layer": (":P", ':Layer"  # "', "leaves abstract: backward, forward"),
    "exits": ("from npdl_core.layers", "raise SystemExit(3)\nfrom npdl_core.layers", "SystemExit: 3"),
    "group": ("npdl.v1.layers", "npdl.v1.layer", "entry points: npdl.v1.layer: "),
    "version": ("npdl.v1.layers", "npdl.v2.layers", "speaks version 2 of the plugin interface, not 1"),
    "core's name": ('layers"]\n', 'layers"]\ndense = "MODULE:CLASS"\n', "name: npdl-core has 'dense' too"),
    "first-party name": ('layers"]\n', 'layers"]\nlstm = "MODULE:CLASS"\n', "name: npdl-rnn has 'lstm' too"),
    "twice": ('layers"]\n', 'layers"]\nFOLD = "MODULE:Layer"\n', " is provided twice: "),
    "requirement": ("npdl-core>=", "npdl-core-like>=", "metadata: the requirement npdl-core is missing"),
    "docstring": ('    """y = s x for', '    f"""y = s x for', "docstring: there is no docstring"),
    "opens": (
        CONSTRUCTOR,
        f"{CONSTRUCTOR}\n        open(__file__)",
        "construction: more than computing was tried: open",
    ),
    "connects": (
        CONSTRUCTOR,
        f"{CONSTRUCTOR}\n        import socket\n        try:\n            socket.socket()\n        except Exception:\n"
        "            pass",
        "construction: more than computing was tried: socket.__new__",
    ),
    "starts": (
        CONSTRUCTOR,
        f"{CONSTRUCTOR}\n        import subprocess\n        subprocess.run(['true'])",
        "construction: more than computing was tried: ",
    ),
    "imports": (CONSTRUCTOR, f"{CONSTRUCTOR}\n        import antigravity_of_others", "antigravity_of_others"),
    "ends": (CONSTRUCTOR, f"{CONSTRUCTOR}\n        raise SystemExit('bye')", "construction: SystemExit: bye"),
    "raises": (CONSTRUCTOR, "raise RuntimeError('no')", "RuntimeError: no"),
    "gradient": ("return pre_grad * self.s", "return pre_grad", "property 'gradients' does not hold"),
    "writes": (RETAIN, "        self.retain(input)", "property 'inference_writes_nothing' does not hold"),
    "dtype": (FORWARD, "return input * self.s.astype('float64')", "property 'dtype"),
    "mutates": (FORWARD, "input *= self.s\n        return input", "does not hold"),
}


@pytest.mark.parametrize("fault", LAYER_FAULTS)
def test_a_fault_of_a_layer_is_named(npdl, package, fault):
    old, new, message = LAYER_FAULTS[fault]
    folder = package()
    module = folder.name.replace("-", "_")
    name = module.removeprefix("npdl_")
    files = [folder / "pyproject.toml", folder / f"{module}.py"]
    (file,) = [file for file in files if old in file.read_text()]
    text = file.read_text().replace(
        old, new.replace("MODULE", module).replace("FOLD", f"{name}_").replace("CLASS", name.upper()), 1
    )
    file.write_text(text)
    done = npdl("plugin", "check", folder)
    assert done.exit_code == 1, done.output
    assert message in done.stdout
    assert "problem" in done.stdout.splitlines()[-1]
    assert "Traceback" not in done.output


OTHER_FAULTS = {
    "activation": ("np.cos(x)", "np.sin(x)", "vjp_is_the_derivative"),
    "objective": ("** 3", "** 2", "gradient"),
    "optimizer": ("g, 1 - self.m", "g * 0, 1 - self.m", "does not hold"),
    "initializer": (
        "rng.choice([-1.0, 1.0], shape)",
        "np.random.choice([-1.0, 1.0], shape)",
        "does not hold",
    ),
    "metric": (".max(axis=-1)", ".max(axis=0)", "does not hold"),
    "callback": ("def on_epoch_end", "def on_epoch_ends", "there is no moment 'on_epoch_ends'"),
    "schedule": ("1 + time", "time", "rates_are_numbers"),
    "dataset": ("default_rng(self.seed)", "default_rng()", "loading_is_reproducible"),
    "kernel": ("out += b", "out -= b", "overrides_compute_the_same"),
    "hooks": ("def npdl_epoch_end(model, logs)", "def npdl_epoch_end(model, log)", "does not fit"),
}


@pytest.mark.parametrize("kind", OTHER_FAULTS)
def test_a_fault_of_another_kind_is_named(npdl, package, kind):
    old, new, message = OTHER_FAULTS[kind]
    extra = [("from npdl_core.initializers import", "import numpy as np\nfrom npdl_core.initializers import")]
    done = npdl("plugin", "check", package((old, new), *(extra if kind == "initializer" else ()), kind=kind))
    assert done.exit_code == 1, done.output
    assert message in done.stdout


def test_one_faulty_component_hides_nothing_of_the_others(npdl, package):
    folder = package(('layers"]\n', 'layers"]\nbroken_one = "no_such_module_at_all:X"\n'))
    done = npdl("plugin", "check", folder)
    assert done.exit_code == 1
    assert "47 properties" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 problem"


NEEDY = ('init="one"', 'n, init="one"'), (CONSTRUCTOR, f"{CONSTRUCTOR}\n        self.n = n")


def test_a_constructor_that_needs_arguments_is_checked_with_those_that_the_project_says(npdl, package):
    folder = package(*NEEDY)
    done = npdl("plugin", "check", folder)
    assert done.exit_code == 1
    assert "its constructor needs n; say what to check it with" in done.stdout
    assert "1 problem" in done.stdout
    with (folder / "pyproject.toml").open("a") as file:
        file.write(
            f"[tool.npdl.check.layers]\n{folder.name[5:]} = {{ config = {{ n = 3 }}, input_shape = [-1, 4] }}\n"
        )
    assert npdl("plugin", "check", folder).exit_code == 0


def test_the_arguments_may_come_from_another_file_and_be_several(npdl, package, tmp_path):
    folder = package(*NEEDY)
    file = tmp_path / "arguments.toml"
    name = folder.name[5:].upper()
    file.write_text(
        f"[[tool.npdl.check.layers.{name}]]\nconfig.n = 3\n[[tool.npdl.check.layers.{name}]]\nconfig.n = {{}}\n"
    )
    assert npdl("plugin", "check", folder, "--arguments", file).exit_code == 0
    file.write_text(f"[tool.npdl.check.layers.{name}]\nconfig = {{ n = 3, m = 4 }}\n")
    done = npdl("plugin", "check", folder, "--arguments", file)
    assert done.exit_code == 1
    assert "unknown argument 'm'" in done.stdout
    file.write_text(f"[tool.npdl.check.layers.{name}]\nconfig.n = 1979-05-27\n")
    assert "date is not JSON serializable" in npdl("plugin", "check", folder, "--arguments", file).stdout
    file.write_text(f"[tool.npdl.check.layers.{name}]\nconfig.n = 3\ninput_shap = [-1]\n")
    assert "input_shap" in npdl("plugin", "check", folder, "--arguments", file).stdout


def test_arguments_of_what_the_package_has_not_are_a_fault(npdl, package):
    folder = package()
    with (folder / "pyproject.toml").open("a") as file:
        file.write("[tool.npdl.check.layers.other]\n")
    done = npdl("plugin", "check", folder)
    assert done.exit_code == 1
    assert "the package has no layer other" in done.stdout


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[tool.npdl.check.layer.x]", "'layer' is no kind"),
        ("[tool.npdl]\ncheck = 3", "[check] must be a table, got int"),
        ("[tool.npdl.check]\nlayers = 3", "layers must be a table, got int"),
        ("[tool.npdl.check.layers]\nx = 3", "layers.x must be a table, got int"),
        ("[tool.npdl.check.layers.x]\ninput_shape = 3", "a list of sizes, got 3"),
        ("[tool.npdl.check.layers.x]\ninput_shape = [[3], ['a']]", "a list of sizes, got ['a']"),
        ("[tool.npdl.check", "pyproject.toml: "),
        ('[project]\nname = "x"', "pyproject.toml: "),
    ],
)
def test_a_faulty_table_is_a_mistake(npdl, package, table, message):
    folder = package()
    with (folder / "pyproject.toml").open("a") as file:
        file.write(table)
    done = npdl("plugin", "check", folder)
    assert done.exit_code == 2
    assert message in done.stderr


def test_names_that_a_hook_registers_are_checked_too(npdl, package):
    body = (
        "from npdl_core.layers import Layer\n\n\nclass Late{n}(Layer):\n    def forward(self, input, train=True):\n"
        "        return 2 * input\n\n    def backward(self, pre_grad):\n        return 3 * pre_grad\n\n\n@hookimpl\n"
        'def npdl_register(registry):\n    registry.register("layers", "late", Late{n})\n\n\n@hookimpl\ndef npdl_epoch_end('
    ).replace("{n}", str(next(_NUMBER)))
    done = npdl("plugin", "check", package(("@hookimpl\ndef npdl_epoch_end(", body), kind="hooks"))
    assert done.exit_code == 1
    assert "layer late" in done.stdout
    assert "docstring: there is no docstring" in done.stdout
    assert "property 'documented' does not hold" in done.stdout


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no-such-distribution", "is not installed, or has no npdl entry points"),
        ("no/such/folder", "is no folder, no wheel and no distribution"),
        ("missing.whl", "is no wheel that can be read"),
        ("\x1b[31m", "is no folder"),
    ],
)
def test_what_cannot_be_checked_is_a_mistake(npdl, target, message):
    done = npdl("plugin", "check", target)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "\x1b" not in done.stderr


def test_a_folder_without_a_project_and_a_file_that_is_no_wheel(npdl, tmp_path):
    assert "there is no" in npdl("plugin", "check", tmp_path).stderr
    (tmp_path / "pyproject.toml").write_text("[build-system]\n")
    assert "[project] does not say the name" in npdl("plugin", "check", tmp_path).stderr
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndynamic = ["entry-points"]\n')
    assert "build a wheel" in npdl("plugin", "check", tmp_path).stderr
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as archive:
        archive.writestr("x.py", "")
    assert "no metadata of one distribution" in npdl("plugin", "check", tmp_path / "x.whl").stderr


def test_a_disabled_distribution_is_a_mistake(npdl, package, monkeypatch):
    folder = package()
    monkeypatch.setenv("NPDL_PLUGINS", "")
    done = npdl("plugin", "check", folder)
    assert done.exit_code == 2
    assert "NPDL_PLUGINS" in done.stderr


def test_the_project_is_checked_and_not_an_older_installation(npdl, package, site):
    folder = package(("return pre_grad * self.s", "return pre_grad"))
    module = folder.name.replace("-", "_")
    site.distribution(folder.name, {"npdl.v1.layers": {"old_name": f"{module}:Old"}})
    done = npdl("plugin", "check", folder)
    assert "old_name" not in done.stdout
    assert "property 'gradients' does not hold" in done.stdout


def test_it_runs_as_a_process(process, package):
    folder = package()
    child = process("plugin", "check", os.fspath(folder))
    out, err = child.communicate(timeout=120)
    assert (child.returncode, err) == (0, "")
    assert "ready to be published" in out
