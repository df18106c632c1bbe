"""Commands of plugins, and plugins that are broken."""

import re

import pytest

GOOD = """
class Plugin:
    @hookimpl
    def npdl_cli(self, group):
        @group.command()
        def shout():
            "Say it loudly."
            click.echo("HELLO")

        @group.commands["plot"].command()
        def stars():
            click.echo("***")
plugin = Plugin()
"""
BROKEN = {
    "raises": "@hookimpl\ndef npdl_cli(group):\n    raise RuntimeError('no \\x1b[31m')\n",
    "exits": "@hookimpl\ndef npdl_cli(group):\n    raise SystemExit(7)\n",
    "adds, then raises": (
        "@hookimpl\ndef npdl_cli(group):\n"
        "    group.command('extra')(lambda: None)\n"
        "    group.commands['plot'].command('extra')(lambda: None)\n"
        "    1 / 0\n"
    ),
    "takes a name": "@hookimpl\ndef npdl_cli(group):\n    group.command('train')(lambda: None)\n",
    "no command": "@hookimpl\ndef npdl_cli(group):\n    group.add_command('extra')\n",
    "broken help": (
        "class Bad(click.Command):\n"
        "    def get_short_help_str(self, limit=45):\n        raise ValueError('help')\n"
        "@hookimpl\ndef npdl_cli(group):\n    group.add_command(Bad('extra'))\n"
    ),
    "not importable": "import not_there_at_all\n",
    "unknown argument": "@hookimpl\ndef npdl_cli(grouping):\n    pass\n",
    "no hook": "",
}


def good(site):
    """Install a plugin that sorts after a broken one."""
    site.hook("zz-good", GOOD, "zz_good:plugin")


def test_a_plugin_adds_commands_to_the_root_and_to_plot(npdl, site):
    good(site)
    assert "shout       Say it loudly." in npdl("--help").stdout
    assert npdl("shout").stdout == "HELLO\n"
    assert "stars" in npdl("plot", "--help").stdout
    assert npdl("plot", "stars").stdout == "***\n"


def test_own_commands_run_no_hooks(npdl, site, trained):
    site.hook("aa-bad", "raise RuntimeError('imported')")
    done = npdl("plot", "curves", trained)
    assert done.exit_code == 0, done.output
    assert done.stderr == ""


@pytest.mark.filterwarnings("default::npdl_core.hooks.PluginWarning")
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_plugin_is_left_out_and_the_others_stay(npdl, site, fault):
    site.hook("aa-bad", BROKEN[fault])
    good(site)
    done = npdl("--help")
    assert done.exit_code == 0, done.output
    commands = [line.split()[0] for line in done.stdout.split("Commands:")[1].splitlines() if line]
    assert commands == [
        "train",
        "evaluate",
        "predict",
        "summary",
        "plot",
        "components",
        "describe",
        "plugins",
        "plugin",
        "version",
        "shout",
    ]
    assert re.match(r"warning: aa-bad 1\.\d+: hook 'cli' \(aa_bad\)", done.stderr)
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.output
    assert "extra" not in npdl("plot", "--help").stdout
    assert npdl("shout").stdout == "HELLO\n"


@pytest.mark.filterwarnings("default::npdl_core.hooks.PluginWarning")
def test_one_object_under_two_names_adds_its_commands_once(npdl, site):
    good(site)
    (entry,) = site.path.glob("zz_good-*/entry_points.txt")
    entry.write_text("[npdl.v1.hooks]\ncli = zz_good:plugin\nagain = zz_good:plugin\n")
    done = npdl("shout")
    assert done.stdout == "HELLO\n"
    assert "is a plugin already, under another name" in done.stderr


def test_strict_mode_is_an_error(process, site, environment):
    site.hook("aa-bad", BROKEN["not importable"])
    path = f"{site.path}:{environment['PYTHONPATH']}"
    child = process("--help", env={**environment, "PYTHONPATH": path, "NPDL_STRICT_PLUGINS": "1"})
    _, err = child.communicate(timeout=60)
    assert child.returncode == 1
    assert re.match(r"Error: aa-bad 1\.\d+: hook 'cli' \(aa_bad\) cannot be loaded", err)


def test_an_interrupt_in_a_hook_is_one(npdl, site):
    site.hook("aa-bad", "@hookimpl\ndef npdl_cli(group):\n    raise KeyboardInterrupt\n")
    assert npdl("--help").exit_code == 130


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("return 5", 0, ""),
        ("raise ValueError('oh \\x1b[31m')", 1, r"Error: unexpected ValueError: oh \x1b[31m"),
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit('bye')", 1, "Error: bye"),
        ("raise SystemExit", 0, ""),
        ("raise click.ClickException('no')", 1, "Error: no"),
        ("click.get_current_context().exit(4)", 4, ""),
    ],
)
def test_a_plugins_command_fails_as_ours_do(npdl, site, body, code, message):
    site.hook(
        "zz-good", f"@hookimpl\ndef npdl_cli(group):\n    @group.command()\n    def go():\n        {body}\n"
    )
    done = npdl("go")
    assert done.exit_code == code
    assert message in done.stderr
    assert bool(message) == bool(done.stderr)


def test_a_plugins_command_takes_debug(npdl, site):
    site.hook(
        "zz-good", "@hookimpl\ndef npdl_cli(group):\n    @group.command()\n    def go():\n        1 / 0\n"
    )
    assert "Traceback" in npdl("go", "--debug").stderr


def test_an_unknown_command(npdl):
    done = npdl("trane")
    assert done.exit_code == 2
    assert "No such command 'trane'" in done.stderr
