"""One sequence turned into another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ConfigError, DataError, ShapeError, printable
from npdl_core.layers.base import Layer
from npdl_rnn.layers.base import RecurrentLayer

__all__ = ["EncoderDecoder"]

Array = NDArray[Any]


class EncoderDecoder(Layer):
    r"""Start a decoder from the state in which an encoder ends.

    :math:`s = \mathrm{encoder}(x)`; :math:`y = \mathrm{decoder}(x', s)`. Going back, the gradient of the
    decoder's initial state is that of the encoder's final state.

    Parameters
    ----------
    encoder, decoder : str, envelope or RecurrentLayer
        Layers, or stacks of them, with states of the same sizes, such as two LSTMs.

    Notes
    -----
    Inputs: a list of source (N, S, D) and decoder input (N, T, E), such as the target one step late. Output:
    what the decoder returns, (N, T, H) with ``return_sequence``. ``mask`` is the source's (N, S), or a list
    of both; the decoder's goes on with the output. Source: Sutskever et al., Sequence to sequence learning
    with neural networks, 2014.

    Raises
    ------
    ConfigError
        If one of the two is no recurrent layer, or their states do not have the same sizes.

    Examples
    --------
    >>> encoder = {"name": "npdl-rnn:gru", "config": {"n_out": 4}}
    >>> decoder = {"name": "npdl-rnn:gru", "config": {"n_out": 4, "return_sequence": True}}
    >>> EncoderDecoder(encoder, decoder).connect([(None, 7, 3), (None, 5, 2)]).out_shape
    (None, 5, 4)
    """

    accepts_mask = True
    masks_apart = True

    def __init__(self, encoder: Any, decoder: Any) -> None:
        pair = self.add_layer("encoder", encoder), self.add_layer("decoder", decoder)
        for name, layer in zip(("encoder", "decoder"), pair, strict=True):
            if not isinstance(layer, RecurrentLayer):
                raise ConfigError(f"{self}: {name} must be a recurrent layer, got {printable(layer, 60)}")
        self.per_sample = all(getattr(layer, "per_sample", True) for layer in pair)
        first, second = (f"{layer.num_layers} x {layer.state_sizes()}" for layer in pair)
        if first != second:
            raise ConfigError(
                f"{self}: the encoder ends in a state of {first} numbers, the decoder begins with {second}; "
                "give both the same cell, n_out and num_layers"
            )

    def connect_to(self, prev_layer: Any = None) -> None:
        """Connect both layers.

        Raises
        ------
        ShapeError
            If there are not two inputs.
        """
        shapes = self.incoming_shape(prev_layer)
        if not isinstance(shapes, list) or len(shapes) != 2:
            raise ShapeError(f"{self} takes a list of two inputs, source and decoder input, got {shapes}")
        self.encoder.connect(shapes[0])
        self.decoder.connect(shapes[1])
        self.out_shape = self.decoder.out_shape

    @property
    def stateful(self) -> bool:  # type: ignore[override]
        """Whether inference writes carried state."""
        return bool(self.encoder.stateful or self.decoder.stateful)

    def forget(self, samples: Any = None) -> None:
        """Drop both layers' carried state, of all samples or of those given by index."""
        self.encoder.forget(samples)
        self.decoder.forget(samples)

    def compute_mask(self, input: Any, mask: Any) -> NDArray[np.bool_] | None:
        """Return the decoder's mask if it returns all steps."""
        found: NDArray[np.bool_] | None = self.decoder.compute_mask(input[1], _masks(mask)[1])
        return found

    def forward(self, input: Any, train: bool = True, *, mask: Any = None) -> Any:
        """Return the decoder's output for ``[source, decoder_input]``.

        Raises
        ------
        DataError
            If the batches differ in size.
        """
        source, target = input
        if len(source) != len(target):
            raise DataError(f"{self}: {len(source)} sources and {len(target)} decoder inputs do not match")
        of_source, of_target = _masks(mask)
        _, state = self.encoder.run_state(source, train, of_source, ())
        if train:
            self.retain(True)
        return self.decoder.run(target, train, of_target, state)

    def backward(self, pre_grad: Any) -> list[Array | None]:
        """Return the gradients of both inputs."""
        self.retained()
        for layer in (self.encoder, self.decoder):
            layer.first_layer = self.first_layer
        d_target, dstate = self.decoder.backward_state(pre_grad, ())
        d_source, _ = self.encoder.backward_state(None, dstate)
        return [d_source, d_target]


def _masks(mask: Any) -> tuple[Any, Any]:
    return tuple(mask) if isinstance(mask, (list, tuple)) else (mask, None)
