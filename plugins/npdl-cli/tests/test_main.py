"""The root command: help, exit codes, and what it imports."""

import importlib
import json
import runpy
import subprocess
import sys

import pytest

HEAVY = ("numpy", "matplotlib", "sklearn", "rich", "npdl_core.model", "toy_data", "safetensors")


def imported_by(arguments, environment):
    """Return the modules that a process of the command has imported in the end."""
    code = (
        "import sys, json\nfrom npdl_cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "json.dump(list(sys.modules), sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], ()),
        (["train", "--help"], ()),
        (["plot", "--help"], ()),
        (["plugin", "new", "--help"], ()),
        (["plugin", "check", "--help"], ()),
        (["components"], ("rich",)),
        (["plugins"], ("rich",)),
        (["version"], ()),
    ],
)
def test_quick_commands_import_nothing_heavy(environment, arguments, allowed):
    found = imported_by(arguments, environment)
    assert not {name for name in HEAVY if name not in allowed} & found


def test_help_lists_all_commands_in_the_order_of_use(npdl):
    done = npdl("--help")
    assert done.exit_code == 0
    names = [line.split()[0] for line in done.stdout.split("Commands:")[1].splitlines() if line]
    assert names[:8] == [
        "train",
        "evaluate",
        "predict",
        "summary",
        "plot",
        "components",
        "describe",
        "plugins",
    ]
    assert names[8:10] == ["plugin", "version"]
    assert "..." not in done.stdout.split("Commands:")[1]
    assert npdl("-h").stdout == done.stdout


@pytest.mark.parametrize(
    "command",
    [
        "train",
        "evaluate",
        "predict",
        "summary",
        "plot",
        "components",
        "describe",
        "plugin new",
        "plugin check",
    ],
)
def test_every_command_has_help_with_debug(npdl, command):
    done = npdl(*command.split(), "--help")
    assert done.exit_code == 0
    assert "--debug" in done.stdout


def test_no_command_is_a_mistake(npdl):
    done = npdl()
    assert done.exit_code == 2
    assert "Usage: npdl" in done.stderr


def test_the_module_runs_as_the_command(process):
    child = process("version")
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    assert out.startswith("npdl-core")


def test_the_module_runs_as_the_command_in_this_process(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["npdl", "version"])
    importlib.import_module("npdl_cli.__main__")
    assert capsys.readouterr().out == ""
    del sys.modules["npdl_cli.__main__"]
    with pytest.raises(SystemExit) as end:
        runpy.run_module("npdl_cli", run_name="__main__")
    assert end.value.code == 0
    assert "npdl-core" in capsys.readouterr().out


def test_an_option_that_does_not_exist(npdl, config):
    done = npdl("train", config(), "--epoch", "3")
    assert done.exit_code == 2
    assert "No such option" in done.stderr


def test_streams_that_cannot_be_configured(monkeypatch):
    import io

    from npdl_cli.main import main

    monkeypatch.setattr(sys, "argv", ["npdl", "version"])
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert "npdl-core" in sys.stdout.getvalue()


def test_warnings_are_one_line_on_standard_error(process, site, environment):
    site.hook("aa-bad", "import not_there")
    path = f"{site.path}:{environment['PYTHONPATH']}"
    child = process("--help", env={**environment, "PYTHONPATH": path})
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0
    assert err.startswith("warning: aa-bad 1.")
    assert err.count("\n") == 1
    assert "Commands:" in out
