"""Run the programs beside this file, or those named, and write the last line of each into its header.

    python examples/numpydl/record.py
    python examples/numpydl/record.py mlp_digits mlp_mnist=20

The number is that of the epochs, for machines where the program's own would take long.
"""

import contextlib
import io
import re
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in ("numpydl_data", "record"))
HEADER = re.compile(r'Result, by record\.py[^\n]*:\n.*?"""', re.DOTALL)


def mains(name):
    """Return the functions of a program that train a model, by name."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    found = runpy.run_path(str(HERE / f"{name}.py"), run_name="example")
    return {key: function for key, function in found.items() if key.startswith("main")}


def last_line(function, **options):
    """Return the last line that a function prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        function(**options)
    return printed.getvalue().splitlines()[-1].rstrip()


def record(argument):
    """Run a program and write what it reaches into its header."""
    name, _, epochs = argument.partition("=")
    options = {"max_iter": int(epochs)} if epochs else {}
    lines = [f"    {key}: {last_line(function, **options)}" for key, function in mains(name).items()]
    header = "\n".join([f"Result, by record.py {argument}:", "", *lines, '"""'])
    path = HERE / f"{name}.py"
    path.write_text(HEADER.sub(lambda _: header, path.read_text("utf-8"), count=1), "utf-8")
    print(header, flush=True)


if __name__ == "__main__":
    for program in sys.argv[1:] or PROGRAMS:
        record(program)
