"""One training run from its experiment: data, model, ``fit``, and what is left on disk whatever happens."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from npdl_cli.config import Experiment
from npdl_cli.data import Part, input_shape, load_parts
from npdl_cli.progress import TrainingProgress
from npdl_cli.results import confusion_records
from npdl_cli.runs import CHECKPOINT, Output, Record
from npdl_core import registry
from npdl_core.errors import DataError

__all__ = ["Run"]

_BATCH = 256
"""Samples at a time where nothing is learned."""


class Run:
    """A training run.

    Everything that the configuration names is made here, so a mistake in it is found before data is read or
    a file is touched.

    Parameters
    ----------
    experiment : Experiment
        The configuration.
    folder : Path, optional
        Where to write, instead of where the configuration says.
    resume : bool
        Go on from the checkpoint in that folder.

    Attributes
    ----------
    network : Model or Graph
        Connected and compiled after :meth:`prepare`.
    train, test : Part
        The data, after :meth:`prepare`.
    """

    def __init__(self, experiment: Experiment, folder: Path | None = None, *, resume: bool = False) -> None:
        experiment.check()
        self.experiment = experiment
        self.resume = resume
        self.output = Output.of(experiment.tables.get("output"), experiment.folder, experiment.name, folder)
        self.callbacks = list(experiment.callbacks)
        self.checkpoint = self._checkpoint()
        home = os.path.relpath(experiment.folder, self.output.folder)
        self.record = Record(experiment.document.value, home)
        self.network: Any = experiment.network

    def _checkpoint(self) -> Path:
        """Return the file to resume from; a callback that writes it is added if there is none."""
        writers = [callback for callback in self.callbacks if getattr(callback, "resumes", False)]
        if not writers:
            writers = [registry.get("callbacks", "model_checkpoint", path=CHECKPOINT)]
            self.callbacks += writers
        if len(writers) > 1:
            raise (
                self.experiment.tables["fit"]
                .child("callbacks")
                .error("more than one model_checkpoint; which to resume from?")
            )
        return self.output.folder / Path(writers[0].path)

    # -- before ----------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Load the data, make the parameters, and the folder to write into.

        Raises
        ------
        NpdlError, OSError
            If that cannot be done; nothing was trained.
        """
        dataset = self.experiment.dataset
        self.train, self.test = load_parts(dataset, self.experiment.folder)
        self.experiment.compiled(input_shape(self.train, self.test))
        self.output.make()
        if self.resume and self.checkpoint.exists():
            self._check_record()
        elif self.checkpoint.exists():
            # Of another run, which must not be taken for this one's.
            os.replace(self.checkpoint, self.checkpoint.with_name(f"{self.checkpoint.name}.previous"))

    def _check_record(self) -> None:
        with contextlib.suppress(DataError):
            record = Record.read(self.output.folder)
            record.check_same(self.record.config, self.experiment.document.file)

    @property
    def epochs(self) -> int:
        """How many epochs there are to be."""
        arguments = self.experiment.fit_arguments
        epochs: int = arguments.get("epochs", arguments.get("max_iter", 100))
        return epochs

    @property
    def validation_split(self) -> float:
        """The fraction of the training part that is not trained on."""
        fraction: float = self.experiment.fit_arguments.get("validation_split", 0.0)
        return fraction

    @property
    def n_batches(self) -> int:
        """How many batches an epoch has."""
        arguments = self.experiment.fit_arguments
        fitted, _ = self.train.split(self.validation_split)
        n_batches = -(-fitted.n_samples // arguments.get("batch_size", 64))
        return min(int(n_batches), int(arguments.get("steps_per_epoch", n_batches)))

    # -- training --------------------------------------------------------------------------------------------

    def fit(self, quiet: bool = False) -> None:
        """Train; an interrupt or an error leaves the record, and the model as it is then.

        Raises
        ------
        KeyboardInterrupt
            At Ctrl-C, after everything was written.
        """
        self.record.write(self.output.folder)
        progress = TrainingProgress(self.epochs, self.n_batches, quiet)
        try:
            with progress, contextlib.chdir(self.output.folder):
                self.network.fit(
                    self.train.X,
                    self.train.Y,
                    mask=self.train.mask,
                    callbacks=[*self.callbacks, progress],
                    resume=self.resume,
                    **{**self.experiment.fit_arguments, "epochs": self.epochs, "max_iter": None},
                )
        except KeyboardInterrupt:
            self._leave("interrupted")
            self.network.save(self.output.model)
            raise
        except BaseException:
            self._leave("failed")
            raise

    def _leave(self, state: str) -> None:
        self.record.state = state
        self.record.history = self.network.history
        self.record.write(self.output.folder)
        self.output.write_history(self.network.history)

    # -- after -----------------------------------------------------------------------------------------------

    def finish(self) -> dict[str, tuple[int, dict[str, Any]]]:
        """Save and measure the model; return samples and measures by part of the data."""
        self.network.save(self.output.model)
        fitted, validation = self.train.split(self.validation_split)
        parts = {"training": fitted, "validation": validation, "held-out": self.test}
        measures = {name: self._measured(part) for name, part in parts.items() if part.n_samples}
        self.record.results = {name: values for name, (_, values) in measures.items()}
        if self.test.n_samples:
            outputs = self.network.predict(self.test.X, batch_size=_BATCH, mask=self.test.mask)
            self.record.confusions = confusion_records(
                self.network, outputs, self.test, self.experiment.dataset
            )
        self._leave("finished")
        return measures

    def _measured(self, part: Part) -> tuple[int, dict[str, Any]]:
        return part.n_samples, self.network.evaluate(part.X, part.Y, batch_size=_BATCH, mask=part.mask)

    def compare_reloaded(self) -> tuple[int, bool]:
        """Load the saved model; return the number of samples tried, and whether it predicts the same.

        Raises
        ------
        NpdlError
            If it cannot be loaded.
        """
        import npdl_core

        part = self.test if self.test.n_samples else self.train
        loaded = npdl_core.load(self.output.model)
        before, after = (
            network.predict(part.X, batch_size=_BATCH, mask=part.mask) for network in (self.network, loaded)
        )
        return part.n_samples, _equal(before, after)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_equal(a[name], b[name]) for name in a)
    return np.array_equal(a, b, equal_nan=True)
