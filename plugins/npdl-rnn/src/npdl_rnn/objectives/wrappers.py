"""Any objective over sequences: summed over time, against one target for all steps, without zero rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_core.checks import check_bool
from npdl_core.errors import DataError
from npdl_rnn.objectives.composed import Arguments, WrappedObjective

__all__ = ["MaskZeroObjective", "RepeaterObjective", "SequenceObjective"]


class SequenceObjective(WrappedObjective):
    r"""Any objective summed over the steps of a sequence.

    :math:`L = \sum_n w_n \sum_t m_{nt} l_{nt} / \sum_n w_n`; with ``average``
    :math:`\sum_{nt} w_n m_{nt} l_{nt} / \sum_{nt} w_n m_{nt}`, where every real step counts alike.

    Parameters
    ----------
    objective : str, envelope or Objective
        l, with the mean as its reduction.
    average : bool
        Divide by how many steps are real instead of by how many sequences there are.

    Notes
    -----
    Outputs (N, T, K), targets (N, T, K) or ids (N, T), mask (N, T), sample weights (N,) or (N, T). A step's
    share does not depend on how many other sequences reach it. Source: Element-Research rnn,
    SequencerCriterion.

    Raises
    ------
    ConfigError
        If the objective has another reduction than the mean.

    Examples
    --------
    >>> loss = SequenceObjective("mse")
    >>> loss.forward(np.ones((2, 3, 1)), np.zeros((2, 3, 1)))
    1.5
    """

    def __init__(self, objective: Any, average: bool = False) -> None:
        super().__init__(objective)
        self.average = check_bool("average", average)

    def count(self, weight: float, outputs: Any, mask: Any, sample_weight: Any) -> float:
        """Return how many real steps, or sequences, there are, as often as weights and a mask (N,) say."""
        if self.average:
            return weight
        counts = np.ones(len(outputs))
        for factor in (mask, sample_weight):
            if factor is not None and np.ndim(factor) == 1:
                counts = counts * factor
        return float(counts.sum())


class RepeaterObjective(SequenceObjective):
    r"""Any objective of every step against one target: :math:`L = \frac1N \sum_n \sum_t l(y_{nt}, z_n)`.

    Parameters
    ----------
    objective : str, envelope or Objective
        l, with the mean as its reduction.
    average : bool
        Divide by how many steps are real instead of by how many sequences there are.

    Notes
    -----
    Outputs (N, T, K), targets (N, K) or ids (N,), mask and weights as of :class:`SequenceObjective`.
    Source: Element-Research rnn, RepeaterCriterion.

    Raises
    ------
    DataError
        If there is not one target for each sequence.

    Examples
    --------
    >>> loss = RepeaterObjective("mse")
    >>> loss.forward(np.ones((2, 3, 1)), np.zeros((2, 1)))
    1.5
    """

    def arguments(self, outputs: Any, targets: Any, mask: Any, sample_weight: Any) -> Arguments:
        """Return the same with a target for each step."""
        outputs, targets = np.asarray(outputs), np.asarray(targets)
        if outputs.ndim < 3:
            return outputs, targets, mask, sample_weight
        if targets.shape not in ((len(outputs),), (len(outputs), *outputs.shape[2:])):
            raise DataError(
                f"{self}: outputs {outputs.shape} need one target for each sequence, of shape "
                f"{(len(outputs), *outputs.shape[2:])} or ids ({len(outputs)},), got {targets.shape}"
            )
        steps = (len(outputs), outputs.shape[1], *targets.shape[1:])
        return outputs, np.broadcast_to(targets[:, None], steps), mask, sample_weight


class MaskZeroObjective(WrappedObjective):
    r"""Any objective without the positions whose outputs are all zero, such as those of ``mask_zero`` layers.

    :math:`L = \sum_p m_p l_p / \sum_p m_p` with :math:`m_p = [y_p \ne 0]`, times the mask if there is one.

    Parameters
    ----------
    objective : str, envelope or Objective
        l, with the mean as its reduction.

    Notes
    -----
    Outputs (..., K), targets as the objective takes them. A real position whose outputs happen to be zero is
    left out too: a mask (N, T) says better what is padding. Source: Element-Research rnn,
    MaskZeroCriterion.

    Examples
    --------
    >>> loss = MaskZeroObjective("mse")
    >>> loss.forward(np.array([[2.0], [0.0]]), np.array([[1.0], [9.0]]))
    0.5
    """

    def arguments(self, outputs: Any, targets: Any, mask: Any, sample_weight: Any) -> Arguments:
        """Return the same with zero rows masked."""
        outputs = np.asarray(outputs)
        found = np.not_equal(outputs, 0)
        if outputs.ndim > 1:
            found = found.any(axis=-1)
        given = np.asarray(True if mask is None else mask)
        if given.shape == found.shape[: given.ndim]:
            found = found * given.reshape(given.shape + (1,) * (found.ndim - given.ndim))
            return outputs, targets, found, sample_weight
        return outputs, targets, mask, sample_weight  # whose shape the objective refuses
