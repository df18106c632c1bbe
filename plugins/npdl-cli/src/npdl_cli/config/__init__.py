"""Experiments: a TOML file, checked, and turned into data, model and training."""

from __future__ import annotations

from npdl_cli.config.experiment import Experiment
from npdl_cli.config.item import ConfigFileError

__all__ = ["ConfigFileError", "Experiment"]
