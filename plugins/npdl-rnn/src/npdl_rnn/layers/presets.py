"""Names for common settings of the LSTM."""

from __future__ import annotations

import inspect
from typing import Any

from npdl_rnn.layers.lstm import LSTM

__all__ = ["FastLSTM", "PeepholeLSTM", "ProjectedLSTM"]


def preset(base: type[Any], **defaults: Any) -> Any:
    """Return a constructor that is the base's with other defaults; :data:`REQUIRED` takes one away.

    Examples
    --------
    >>> class Wide(LSTM):
    ...     __init__ = preset(LSTM, n_out=100)
    >>> Wide().n_out
    100
    """
    whole = inspect.signature(base.__init__)
    signature = whole.replace(
        parameters=[p.replace(default=defaults.get(name, p.default)) for name, p in whole.parameters.items()]
    )

    def construct(*args: Any, **kwargs: Any) -> None:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        base.__init__(*bound.args, **bound.kwargs)

    construct.__signature__ = signature  # type: ignore[attr-defined]
    construct.__doc__ = base.__init__.__doc__
    return construct


REQUIRED = inspect.Parameter.empty
TORCH = {"init": "torch_uniform", "inner_init": "torch_uniform", "forget_bias_num": 0.0}
"""How Element-Research's cells begin: U(±1/√fan-in), and no bias for the forget gate."""


class PeepholeLSTM(LSTM):
    r"""LSTM whose gates look at the cell; Element-Research's ``LSTM``, with its initial values.

    :math:`i, f = \sigma(x_t W + h_{t-1} U + w \circ c_{t-1} + b)`, :math:`g = \tanh(x_t W + h_{t-1} U + b)`,
    :math:`c_t = f \circ c_{t-1} + i \circ g`, :math:`o = \sigma(x_t W + h_{t-1} U + w \circ c_t + b)`,
    :math:`h_t = o \circ \tanh(c_t)`, each with its own columns of W, U, b and its own w.

    Notes
    -----
    :class:`LSTM` with ``peephole=True``, which is their ``cell2gate``; arguments and shapes are described
    there. P (3, H) holds w for i, f and o. Source: Gers, Schraudolph and Schmidhuber, Learning precise timing
    with LSTM recurrent networks, 2002.

    Examples
    --------
    >>> layer = PeepholeLSTM(4).connect((None, None, 3))
    >>> layer.P.shape, float(layer.b[4])
    ((3, 4), 0.0)
    """

    __init__ = preset(LSTM, peephole=True, **TORCH)


class FastLSTM(LSTM):
    r"""LSTM without peepholes; Element-Research's ``FastLSTM``, with its initial values.

    :math:`i, f, o = \sigma(x_t W + h_{t-1} U + b)`, :math:`g = \tanh(x_t W + h_{t-1} U + b)`,
    :math:`c_t = f \circ c_{t-1} + i \circ g`, :math:`h_t = o \circ \tanh(c_t)`.

    Notes
    -----
    :class:`LSTM` with other initial values; arguments and shapes are described there, and it takes the same
    sequence kernels. Source: Hochreiter and Schmidhuber, Long short-term memory, 1997.

    Examples
    --------
    >>> float(FastLSTM(4).connect((None, None, 3)).b[4])
    0.0
    """

    __init__ = preset(LSTM, **TORCH)


class ProjectedLSTM(LSTM):
    r"""LSTM whose output is a projection of its units; Element-Research's ``SeqLSTMP``.

    :math:`i, f, o = \sigma(x_t W + r_{t-1} U + b)`, :math:`g = \tanh(x_t W + r_{t-1} U + b)`,
    :math:`c_t = f \circ c_{t-1} + i \circ g`, :math:`r_t = (o \circ \tanh(c_t)) W_o`.

    Notes
    -----
    :class:`LSTM` with ``projection=R`` required and initial values drawn from N(0, 1/fan-in); other arguments
    are described there. Output (N, T, R) or (N, R); state r (N, R) and c (N, H); U (R, 4H), Wo (H, R). Useful
    where H is much larger than R. Source: Sak, Senior and Beaufays, Long short-term memory recurrent neural
    network architectures for large scale acoustic modeling, 2014.

    Examples
    --------
    >>> layer = ProjectedLSTM(8, projection=2).connect((None, None, 3))
    >>> layer.out_shape, layer.state_sizes()
    ((None, 2), (2, 8))
    """

    __init__ = preset(LSTM, projection=REQUIRED, init="seq_normal", inner_init="seq_normal")
