"""Scaled dot-product attention."""

from __future__ import annotations

from typing import Any

from npdl_attention.functions import allowed, attend, attend_backward
from npdl_attention.inputs import Attention, real_parts, three
from npdl_core.checks import check_bool
from npdl_core.errors import ShapeError

__all__ = ["DotProductAttention"]


class DotProductAttention(Attention):
    r"""Values averaged by how well keys fit a query: :math:`y = \mathrm{softmax}(q k^\top / \sqrt{D}) \, v`.

    Parameters
    ----------
    causal : bool
        Step t looks at steps 0 … t only.

    Notes
    -----
    Inputs q (N, T, D), k (N, S, D), v (N, S, E); output (N, T, E). Two inputs are q and k = v, a single one
    is all three. Masks (N, T), (N, S): no query looks at a masked key. Source: Vaswani et al., Attention is
    all you need, 2017.

    Raises
    ------
    ShapeError
        On connecting, if the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> layer = DotProductAttention(causal=True).connect((None, None, 1))
    >>> layer.forward(np.array([[[0.0], [2.0]]]), train=False).round(3)
    array([[[0.   ],
            [1.964]]])
    """

    def __init__(self, causal: bool = False) -> None:
        self.causal = check_bool("causal", causal)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Check the shapes: queries and keys must have one size."""
        query, key, value = self.connected_shapes(prev_layer)
        if query[-1] != key[-1]:
            raise ShapeError(f"{self}: queries have {query[-1]} features, keys {key[-1]}; they must agree")
        self.out_shape = (*query[:2], value[-1])

    def forward(self, input: Any, train: bool = True, *, mask: Any = None) -> Any:
        """Return y (N, T, E)."""
        inputs = three(input)
        masks = self.masks_of(inputs, mask)
        q, k, v = real_parts(inputs, masks)
        keep = allowed(q.shape[1], k.shape[1], self.causal, masks[1])
        output, weights = attend(q, k, v, keep)
        if train:
            self.retain(q, k, v, weights, masks)
        return output

    def backward(self, pre_grad: Any) -> Any:
        """Return the gradients of the inputs, in their form."""
        q, k, v, weights, masks = self.retained()
        return self.input_gradients(list(attend_backward(pre_grad, q, k, v, weights)), masks)
