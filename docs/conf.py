"""Sphinx configuration of the manual; ``make docs`` builds it with warnings as errors."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "npdl"
author = "The npdl developers"
copyright = author  # noqa: A001 - the name that Sphinx reads
release = version = installed_version("npdl-core")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "npdl_components",
    "npdl_math",
    "npdl_test_runs",
    "npdl_plots",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say types in words, with shapes
napoleon_google_docstring = False
napoleon_use_ivar = True

html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"npdl {release}"

# Every examples/gallery/plot_*.py becomes a page with the figures that it draws.
EXAMPLES = HERE.parent / "examples" / "gallery"
if list(EXAMPLES.glob("plot_*.py")):
    extensions.append("sphinx_gallery.gen_gallery")
    sphinx_gallery_conf = {
        "examples_dirs": str(EXAMPLES),
        "gallery_dirs": "gallery",
        "filename_pattern": r"/plot_",
        "ignore_pattern": r"(^|/)(?!plot_)[^/]*\.py$",
        "abort_on_example_error": True,
    }
