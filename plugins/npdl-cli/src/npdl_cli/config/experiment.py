"""An experiment: what a TOML file says about data, model, compilation and training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from npdl_cli.config import gate, overrides
from npdl_cli.config.components import component, components, is_component
from npdl_cli.config.item import Item
from npdl_core.checks import check_bool, check_float, check_int
from npdl_core.errors import NpdlError, printable

__all__ = ["Experiment"]

_TABLES = ("data", "model", "compile", "fit", "output")
_FIT: dict[str, Callable[..., Any]] = {
    "epochs": partial(check_int, minimum=0),
    "max_iter": partial(check_int, minimum=0),
    "batch_size": partial(check_int, minimum=1),
    "shuffle": check_bool,
    "validation_split": partial(check_float, minimum=0, maximum=1, below=True),
    "initial_epoch": partial(check_int, minimum=0),
    "steps_per_epoch": partial(check_int, minimum=1),
}


class Experiment:
    """What a configuration file says, each part made when it is asked for.

    Parameters
    ----------
    document : Item
        The whole file, after the gate.
    folder : Path
        What paths in ``[data]`` are relative to: the file's folder.
    name : str
        The file's name without its suffix.
    """

    def __init__(self, document: Item, folder: Path, name: str) -> None:
        self.tables = document.table(*_TABLES)
        self.document = document
        self.folder = folder
        self.name = name

    @classmethod
    def read(cls, path: Path, assignments: Sequence[str] = ()) -> Experiment:
        """Return the experiment of a file, with settings of the form ``key=value`` put in.

        Raises
        ------
        ConfigFileError
            If the file is no usable TOML, or has unknown tables.
        """
        document = overrides.apply(gate.read(path, printable(path)), assignments)
        return cls(document, path.absolute().parent, path.stem)

    def part(self, key: str) -> Item:
        """Return a table that has to be there."""
        if key not in self.tables:
            raise self.document.missing(key)
        return self.tables[key]

    # -- the parts -------------------------------------------------------------------------------------------

    @cached_property
    def dataset(self) -> Any:
        """The data set of ``[data]``; nothing is read yet."""
        return component("datasets", self.part("data"))

    @property
    def data_name(self) -> str:
        """The name of the data set."""
        value = self.part("data").value
        return str(value["name"] if isinstance(value, dict) else value)

    @cached_property
    def network(self) -> Any:
        """The model of ``[model]``, neither connected nor compiled."""
        from npdl_cli.config.networks import network

        return network(self.part("model"))

    @cached_property
    def compile_arguments(self) -> dict[str, Any]:
        """What ``[compile]`` hands to :meth:`Network.compile`."""
        item = self.part("compile")
        entries = item.table("loss", "optimizer", "metrics", "loss_weights", required=("loss", "optimizer"))
        arguments = {
            "loss": _by_output(partial(component, "objectives"), entries["loss"]),
            "optimizer": component("optimizers", entries["optimizer"]),
        }
        if "metrics" in entries:
            arguments["metrics"] = _by_output(partial(components, "metrics"), entries["metrics"])
        if "loss_weights" in entries:
            weights = entries["loss_weights"].table()
            arguments["loss_weights"] = {key: entry.checked(check_float, 0) for key, entry in weights.items()}
        return arguments

    @cached_property
    def fit_arguments(self) -> dict[str, Any]:
        """What ``[fit]`` hands to :meth:`Network.fit`, without the callbacks."""
        entries = self._fit_entries()
        arguments = {key: entries[key].checked(check) for key, check in _FIT.items() if key in entries}
        if {"epochs", "max_iter"} <= set(arguments):
            raise entries["max_iter"].error("this is another name for epochs; give one of them")
        return arguments

    @cached_property
    def callbacks(self) -> list[Any]:
        """The callbacks of ``[fit]``."""
        entries = self._fit_entries()
        return components("callbacks", entries["callbacks"]) if "callbacks" in entries else []

    def _fit_entries(self) -> dict[str, Item]:
        return self.tables["fit"].table(*_FIT, "callbacks") if "fit" in self.tables else {}

    # -- together --------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Make all parts, so that every mistake in the file is found before data is read.

        Raises
        ------
        ConfigFileError
            At the first one.
        """
        for key in ("data", "model", "compile"):
            self.part(key)
        _ = self.dataset, self.network, self.compile_arguments, self.fit_arguments, self.callbacks

    def connect(self, shape: Any) -> Any:
        """Return the network with parameters for inputs of a shape, within the budget.

        Raises
        ------
        ConfigFileError
            If a layer cannot take its input, or the model is too large.
        """
        from npdl_core.parameters import Allocator
        from npdl_core.saving.config import MAX_PARAMETERS

        item = self.part("model")
        limit = item.table().get("max_parameters")
        budget = MAX_PARAMETERS if limit is None else limit.checked(check_int, 1)
        try:
            return self.network.connect(shape, Allocator(budget))
        except NpdlError as error:
            raise item.error(error) from error

    def compiled(self, shape: Any) -> Any:
        """Return the network, connected and compiled.

        Raises
        ------
        ConfigFileError
            If its parts do not fit together.
        """
        network = self.connect(shape)
        try:
            return network.compile(**self.compile_arguments)
        except NpdlError as error:
            raise self.part("compile").error(error) from error


def _by_output(make: Callable[[Item], Any], item: Item) -> Any:
    """Return what ``make`` gives for an entry, or for each output's entry of a table."""
    if isinstance(item.value, dict) and not is_component(item.value):
        return {output: make(entry) for output, entry in item.table().items()}
    return make(item)
