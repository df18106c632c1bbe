"""Multi-head attention."""

from __future__ import annotations

from typing import Any

from npdl_attention.functions import Array, allowed, attend, attend_backward
from npdl_attention.inputs import Attention, real_parts, three
from npdl_core.checks import check_bool, check_int
from npdl_core.errors import ConfigError
from npdl_core.layers import Linear

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Attention):
    r"""Attention in several heads: :math:`y = [a_1, \dots, a_K] W_o + b_o`.

    Each :math:`a_i = \mathrm{attention}(q W_q^i + b_q^i, k W_k^i + b_k^i, v W_v^i + b_v^i)` is scaled
    dot-product attention in H / K dimensions.

    Parameters
    ----------
    n_out : int
        H.
    n_heads : int
        K; it divides H.
    causal : bool
        Step t looks at steps 0 … t only.
    use_bias : bool
        False leaves all b out.

    Notes
    -----
    Inputs q (N, T, D), k (N, S, D'), v (N, S, D''); output (N, T, H). Two inputs are q and k = v, a single
    one is all three: self-attention. Masks (N, T), (N, S): no query looks at a masked key. The parameters are
    those of the children ``query``, ``key``, ``value`` and ``out``: W (D, H), b (H,). Source: Vaswani et al.,
    Attention is all you need, 2017.

    Raises
    ------
    ConfigError
        If ``n_heads`` does not divide ``n_out``.
    ShapeError
        On connecting, if the inputs are no sequences.

    Examples
    --------
    >>> layer = MultiHeadAttention(8, n_heads=2).connect((None, None, 5))
    >>> layer.out_shape, layer.query.W.shape
    ((None, None, 8), (5, 8))
    """

    def __init__(self, n_out: int, n_heads: int = 1, causal: bool = False, use_bias: bool = True) -> None:
        self.n_out = check_int("n_out", n_out, 1)
        self.n_heads = check_int("n_heads", n_heads, 1)
        if self.n_out % self.n_heads:
            raise ConfigError(f"n_heads={n_heads} must divide n_out={n_out}")
        self.causal = check_bool("causal", causal)
        for name in ("query", "key", "value", "out"):
            self.add_layer(name, Linear(self.n_out, use_bias=check_bool("use_bias", use_bias)))

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect the four projections."""
        shapes = self.connected_shapes(prev_layer)
        for layer, shape in zip((self.query, self.key, self.value), shapes, strict=True):
            layer.connect(shape)
        self.out_shape = (*shapes[0][:2], self.n_out)
        self.out.connect(self.out_shape)

    def forward(self, input: Any, train: bool = True, *, mask: Any = None) -> Any:
        """Return y (N, T, H)."""
        inputs = three(input)
        masks = self.masks_of(inputs, mask)
        layers = (self.query, self.key, self.value)
        projected = [
            layer.forward(x, train) for layer, x in zip(layers, real_parts(inputs, masks), strict=True)
        ]
        q, k, v = (self._apart(x) for x in projected)
        keep = allowed(q.shape[2], k.shape[2], self.causal, masks[1])
        heads, weights = attend(q, k, v, None if keep is None else keep[..., None, :, :])
        if train:
            self.retain(q, k, v, weights, masks)
        return self.out.forward(self._together(heads), train)

    def backward(self, pre_grad: Any) -> Any:
        """Write the children's gradients and return those of the inputs, in their form."""
        q, k, v, weights, masks = self.retained()
        of_heads = attend_backward(self._apart(self.out.backward(pre_grad)), q, k, v, weights)
        layers = (self.query, self.key, self.value)
        grads = [layer.backward(self._together(g)) for layer, g in zip(layers, of_heads, strict=True)]
        return self.input_gradients(grads, masks)

    def _apart(self, x: Array) -> Array:
        """Return (N, T, H) as (N, K, T, H / K)."""
        n, t, h = x.shape
        return x.reshape(n, t, self.n_heads, h // self.n_heads).swapaxes(1, 2)

    def _together(self, x: Array) -> Array:
        """Return (N, K, T, H / K) as (N, T, H)."""
        n, k, t, d = x.shape
        return x.swapaxes(1, 2).reshape(n, t, k * d)
