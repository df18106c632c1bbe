"""Metrics of language models."""

from __future__ import annotations

import math

from npdl_core.metrics.probability import Perplexity

__all__ = ["BitsPerCharacter"]


class BitsPerCharacter(Perplexity):
    r"""How many bits a character takes: :math:`\sum w l / (\ln 2 \sum w)`, l the cross-entropy.

    Parameters
    ----------
    from_logits : bool
        Outputs are scores before the softmax.

    Notes
    -----
    Outputs (..., K), class ids (...) or distributions (..., K); the mean is over all real positions of all
    batches.

    Examples
    --------
    >>> metric = BitsPerCharacter()
    >>> metric.update([[0.25, 0.25, 0.25, 0.25]], [2])
    >>> round(metric.result(), 6)
    2.0
    """

    def result(self) -> float:
        """Return the bits, NaN without data."""
        return self._total / self._weight / math.log(2) if self._weight else float("nan")
