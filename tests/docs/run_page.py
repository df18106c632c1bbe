"""Run the code blocks of a page from top to bottom: ``run_page.py PAGE.md FOLDER``.

- ``python``: executed in one namespace; a ``text`` block after it is what it prints (``...`` stands for anything).
- A block whose first line is a comment with a path, ``# highway.py``, is written to that file in the folder.
  A ``pyproject.toml`` beside a module makes its entry points found, as an installation would.
- ``console``: lines after ``$`` are run in the folder and must succeed; lines of output without digits must be
  among what is printed. ``pip install`` of a folder makes it found.
- ``toml``: parsed.
"""

import contextlib
import doctest
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import types
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
FILE = re.compile(r"# ([\w./-]+\.\w+)\n")


class Page:
    """One page at work."""

    def __init__(self, path, folder):
        self.path, self.folder = path, folder
        self.site = folder / "site-packages"
        self.site.mkdir()
        self.places = [self.site, folder]
        self.module = types.ModuleType("page")
        sys.modules["page"] = self.module
        sys.path[:0] = map(str, self.places)
        self.printed = ""

    def run(self):
        """Run every block."""
        text = self.path.read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            language, body = block.groups()
            line = text[: block.start()].count("\n") + 1
            try:
                file = FILE.match(body)
                if file:
                    self.write(file[1], body)
                else:
                    getattr(self, language)(body, line)
            except BaseException as error:
                error.add_note(f"{self.path.name}, line {line}")
                raise

    def write(self, name, body):
        """Write a file; a project beside its modules is found at once."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")
        if path.name == "pyproject.toml" and path.parent == self.folder:
            self.install(self.folder)

    def install(self, folder):
        """Leave the metadata that an editable installation would."""
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        info = self.site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        needs = "".join(f"Requires-Dist: {one}\n" for one in project["dependencies"])
        (info / "METADATA").write_text(head + needs)
        points = project["entry-points"].items()
        lines = (
            f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in found.items()) for group, found in points
        )
        (info / "entry_points.txt").write_text("".join(lines))
        if folder not in self.places:
            self.places.append(folder)
            sys.path.insert(0, str(folder))
        from npdl_core import registry

        registry.refresh()

    def uninstall(self, folder):
        """Take the metadata of a folder's project away, and its modules out of sight."""
        name = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
        for info in self.site.glob(f"{name.replace('-', '_')}-*.dist-info"):
            shutil.rmtree(info)
        self.places.remove(folder)

    def python(self, body, line):
        """Execute code."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile("\n" * line + body, str(self.path), "exec"), vars(self.module))
        self.printed = out.getvalue()

    def text(self, body, line):
        """Compare with what was printed last."""
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        if not doctest.OutputChecker().check_output(body, self.printed, flags):
            raise AssertionError(f"expected:\n{body}\ngot:\n{self.printed}")

    def toml(self, body, line):
        """Parse it."""
        tomllib.loads(body)

    def console(self, body, line):
        """Run commands and look for what they print; where that is an error, they must fail."""
        for part in re.split(r"^\$ ", body, flags=re.M)[1:]:
            command, _, expected = part.partition("\n")
            code, out = self.command(command)
            if (code != 0) is not bool(re.search(r"^Error: ", expected, re.M)):
                raise AssertionError(f"$ {command}\nexit code {code}\n{out}")
            printed = " ".join(out.split())
            for text in expected.splitlines():
                plain = " ".join(text.split())
                varies = any(sign.isdigit() or sign == "…" for sign in plain)
                if not varies and plain not in printed:
                    raise AssertionError(f"not printed: {text!r}\nbut:\n{out}")

    def command(self, text):
        """Run one command and return its exit code and what it prints."""
        words = shlex.split(text)
        variables = {}
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
        if words[0] == "pip":
            folders = [
                self.folder / word for word in words[2:] if (self.folder / word / "pyproject.toml").exists()
            ]
            for folder in folders:
                (self.install if words[1] == "install" else self.uninstall)(folder)
            return 0, ""
        tools = {
            "npdl": ["-m", "npdl_cli"],
            "pytest": ["-m", "pytest", "-p", "no:cacheprovider"],
            "python": [],
        }
        done = subprocess.run(
            [sys.executable, "-P", *tools[words[0]], *words[1:]],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, self.places)), **variables},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return done.returncode, done.stdout + done.stderr


if __name__ == "__main__":
    Page(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()).run()
