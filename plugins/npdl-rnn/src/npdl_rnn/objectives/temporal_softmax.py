"""The loss of a language model, per sequence."""

from __future__ import annotations

from npdl_rnn.objectives.wrappers import SequenceObjective

__all__ = ["TemporalSoftmax"]


class TemporalSoftmax(SequenceObjective):
    r"""Cross-entropy summed over the real steps and averaged over the sequences, as cs231n's.

    :math:`L = -\sum_n w_n \sum_t m_{nt} \ln p_{nt}[y_{nt}] / \sum_n w_n`

    Parameters
    ----------
    epsilon : float
        Lower bound of p.
    from_logits : bool
        Outputs are scores; False: they are probabilities, such as those of a ``softmax`` layer.

    Notes
    -----
    Outputs (N, T, V), targets (N, T) of ids or distributions (N, T, V), mask (N, T). The sum is divided by N,
    or the sum of the sequences' weights (N,), not by how many steps are real: long sequences count more.

    Examples
    --------
    >>> import numpy as np
    >>> loss = TemporalSoftmax()
    >>> round(loss.forward(np.zeros((1, 2, 10)), np.array([[3, 4]])), 3)
    4.605
    """

    def __init__(self, epsilon: float = 1e-11, from_logits: bool = True) -> None:
        config = {"epsilon": epsilon, "from_logits": from_logits}
        super().__init__({"name": "softmax_categorical_cross_entropy", "config": config})
