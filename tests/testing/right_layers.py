"""Right layers of several kinds, for tests to plant defects in."""

import numpy as np
import pytest

from npdl_core.errors import ConfigError, ShapeError
from npdl_core.layers import Layer


def collector():
    """Return a list of mutants and the decorator that enters one with the property that it breaks."""
    found = []

    def breaks(name, **arguments):
        def enter(cls):
            cls.__doc__ = "A mutant."
            found.append(pytest.param(name, cls, arguments, id=f"{name}-{cls.__name__}"))
            return cls

        return enter

    return found, breaks


class Affine(Layer):
    """y = scale · (x W + b)."""

    def __init__(self, n_out=3, scale=2.0):
        self.n_out = n_out
        self.scale = scale

    def connect_to(self, prev_layer=None):
        shape = self.incoming_shape(prev_layer)
        self.add_param("W", (shape[-1], self.n_out))
        self.add_param("b", (self.n_out,), "zero", decay=False)
        self.out_shape = (*shape[:-1], self.n_out)

    def forward(self, input, train=True):
        if train:
            self.retain(input)
        return self.scale * (input @ self.W + self.b)

    def backward(self, pre_grad):
        (x,) = self.retained()
        delta = self.scale * pre_grad.reshape(-1, self.n_out)
        self.dW = x.reshape(-1, x.shape[-1]).T @ delta
        self.db = delta.sum(axis=0)
        return (delta @ self.W.T).reshape(x.shape)


class Fast(Affine):
    """The same with reused work arrays."""

    def forward(self, input, train=True):
        shape = (*input.shape[:-1], self.n_out)
        out = self.work_array("out", shape) if train else np.empty(shape, self.dtype)
        np.matmul(input, self.W, out=out)
        out += self.b
        out *= self.scale
        if train:
            self.retain(input)
        return out


class Weighted(Affine):
    """Adds Σ W² to the loss."""

    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        self.dW += 2 * self.W
        return back

    def cost(self):
        return float(np.square(self.W, dtype=np.float64).sum())


class Noisy(Layer):
    """Multiplies by noise while training."""

    def forward(self, input, train=True):
        if not train:
            return input
        factor = self.rng.normal(1, 0.1, input.shape).astype(input.dtype)
        self.retain(factor)
        return input * factor

    def backward(self, pre_grad):
        (factor,) = self.retained()
        return pre_grad * factor


class Centred(Layer):
    """Subtracts the batch mean while training."""

    per_sample = False

    def forward(self, input, train=True):
        return input - input.mean(axis=0) if train and len(input) else input + 0

    def backward(self, pre_grad):
        return pre_grad - pre_grad.mean(axis=0) if len(pre_grad) else pre_grad


class Pair(Layer):
    """Two outputs."""

    def connect_to(self, prev_layer=None):
        shape = self.incoming_shape(prev_layer)
        self.out_shape = [shape, shape]

    def forward(self, input, train=True):
        outputs = [2 * input, np.tanh(input)]
        if train:
            self.retain(outputs[1])
        return outputs

    def backward(self, pre_grad):
        (y,) = self.retained()
        return 2 * pre_grad[0] + (1 - y * y) * pre_grad[1]


class Carry(Layer):
    """Adds the last output of the call before to every step, as a value."""

    stateful = True

    def __init__(self):
        self.state = None

    def connect_to(self, prev_layer=None):
        shape = self.incoming_shape(prev_layer)
        if len(shape) != 3:
            raise ConfigError("needs (N, T, D)")
        self.out_shape = shape

    def forward(self, input, train=True):
        out = np.array(input) if self.state is None else input + self.state[:, None]
        self.state = out[:, -1].copy()
        return out

    def backward(self, pre_grad):
        return pre_grad

    def forget(self):
        self.state = None

    def get_state(self):
        return None if self.state is None else self.state.copy()

    def set_state(self, state):
        self.state = state.copy()


class CarryOnly(Carry):
    """Can forget, and does not tell its state."""

    get_state = None


class Bags(Layer):
    """Means of the rows of a table, over real ids only."""

    integer_input = True
    accepts_mask = True
    input_size = 6

    def connect_to(self, prev_layer=None):
        shape = self.incoming_shape(prev_layer)
        self.add_param("W", (self.input_size, 2))
        self.out_shape = (shape[0], 2)

    def forward(self, input, train=True, *, mask=None):
        real = np.ones(input.shape, bool) if mask is None else mask
        weights = (real / np.maximum(real.sum(axis=1, keepdims=True), 1))[..., None].astype(self.dtype)
        if train:
            self.retain(input, weights)
        return (self.W[input] * weights).sum(axis=1)

    def backward(self, pre_grad):
        ids, weights = self.retained()
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, ids, pre_grad[:, None] * weights)
        return None

    def compute_mask(self, input, mask):
        return None


class Pictures(Layer):
    """Takes images, and a mask only with sequences."""

    accepts_mask = True

    def connect_to(self, prev_layer=None):
        shape = self.incoming_shape(prev_layer)
        if len(shape) != 4:
            raise ConfigError("needs (N, C, H, W)")
        self.out_shape = shape

    def forward(self, input, train=True, *, mask=None):
        if mask is not None:
            raise ConfigError("images have no mask")
        return 2 * input

    def backward(self, pre_grad):
        return 2 * pre_grad


class Pairs(Layer):
    """Means of neighbouring steps; a single step is refused."""

    def connect_to(self, prev_layer=None):
        shape = self.incoming_shape(prev_layer)
        if len(shape) != 3:
            raise ShapeError("needs (N, T, D)")
        self.out_shape = (shape[0], None, shape[2])

    def forward(self, input, train=True):
        if input.shape[1] < 2:
            raise ShapeError("needs two steps")
        return (input[:, 1:] + input[:, :-1]) / 2

    def backward(self, pre_grad):
        n, t, d = pre_grad.shape
        grad = np.zeros((n, t + 1, d), pre_grad.dtype)
        grad[:, 1:] += pre_grad / 2
        grad[:, :-1] += pre_grad / 2
        return grad

    def compute_mask(self, input, mask):
        return None


class Signals(Layer):
    """Channels in front of one other axis, whose number must be known."""

    def connect_to(self, prev_layer=None):
        shape = self.incoming_shape(prev_layer)
        if len(shape) != 3 or shape[1] is None:
            raise ShapeError("needs (N, C, L) with C known")
        self.add_param("a", (shape[1], 1), "one")
        self.out_shape = shape

    def forward(self, input, train=True):
        if train:
            self.retain(input)
        return input * self.a

    def backward(self, pre_grad):
        (x,) = self.retained()
        self.da = (x * pre_grad).sum(axis=(0, 2)).reshape(self.a.shape)
        return pre_grad * self.a

    def compute_mask(self, input, mask):
        return None


class Foreign:
    """A layer outside the base, as NumpyDL's are; it takes no ``train``."""

    def __init__(self, dtype="float64"):
        self.dtype = np.dtype(dtype)
        self.out_shape = None
        self.params = []
        self.grads = []

    def connect_to(self, prev_layer=None):
        if prev_layer is None:
            raise ConfigError("this layer needs a previous one")
        shape = prev_layer.out_shape
        if shape[-1] is None:
            raise ConfigError("the last size must be known")
        if not self.params:
            self.params = [np.full((shape[-1], 2), 0.5, self.dtype)]
            self.grads = [np.zeros_like(self.params[0])]
        self.out_shape = (*shape[:-1], 2)

    def forward(self, input):
        self.last = np.array(input)
        return np.tanh(input @ self.params[0])

    def backward(self, pre_grad):
        y = np.tanh(self.last @ self.params[0])
        delta = pre_grad * (1 - y * y)
        self.grads[0][...] = self.last.reshape(-1, self.last.shape[-1]).T @ delta.reshape(-1, 2)
        return delta @ self.params[0].T


class Gated(Layer):
    """Sums over real time steps, mean of them; the output has no time axis."""

    accepts_mask = True

    def connect_to(self, prev_layer=None):
        shape = self.incoming_shape(prev_layer)
        if len(shape) != 3:
            raise ConfigError("needs (N, T, D)")
        self.out_shape = (shape[0], shape[2])

    def weights(self, input, mask):
        real = np.ones(input.shape[:2], bool) if mask is None else mask
        return (real / np.maximum(real.sum(axis=1, keepdims=True), 1))[..., None].astype(input.dtype)

    def forward(self, input, train=True, *, mask=None):
        weights = self.weights(input, mask)
        if train:
            self.retain(weights)
        return (np.where(weights > 0, input, 0).astype(input.dtype) * weights).sum(axis=1)

    def backward(self, pre_grad):
        (weights,) = self.retained()
        return pre_grad[:, None] * weights

    def compute_mask(self, input, mask):
        return None


class Scan(Layer):
    """A running sum over real time steps that keeps its value at masked ones."""

    accepts_mask = True

    def connect_to(self, prev_layer=None):
        shape = self.incoming_shape(prev_layer)
        if len(shape) != 3:
            raise ConfigError("needs (N, T, D)")
        self.out_shape = shape

    def kept(self, input, mask):
        return np.ones(input.shape[:2], bool) if mask is None else mask

    def forward(self, input, train=True, *, mask=None):
        real = self.kept(input, mask)
        if train:
            self.retain(real)
        return np.cumsum(np.where(real[..., None], input, 0).astype(input.dtype), axis=1)

    def backward(self, pre_grad):
        (real,) = self.retained()
        grad = np.cumsum(pre_grad[:, ::-1], axis=1)[:, ::-1]
        return np.where(real[..., None], grad, 0).astype(pre_grad.dtype)


class Lookup(Layer):
    """Rows of a table by id."""

    integer_input = True
    input_size = 5

    def connect_to(self, prev_layer=None):
        shape = self.incoming_shape(prev_layer)
        self.add_param("W", (self.input_size, 2))
        self.out_shape = (*shape, 2)

    def forward(self, input, train=True):
        if train:
            self.retain(input)
        return self.W[input]

    def backward(self, pre_grad):
        (ids,) = self.retained()
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, ids, pre_grad)
        return None


class Reads(Affine):
    """y = softmax(x W), fusable."""

    ends_with = "softmax"

    def forward(self, input, train=True):
        scores = input @ self.W + self.b
        y = np.exp(scores - scores.max(axis=-1, keepdims=True))
        y /= y.sum(axis=-1, keepdims=True)
        if train:
            self.retain(input, y)
        return y

    def backward(self, pre_grad, skip_activation=False):
        x, y = self.retained()
        delta = pre_grad if skip_activation else y * (pre_grad - (pre_grad * y).sum(-1, keepdims=True))
        rows = delta.reshape(-1, self.n_out)
        self.dW = x.reshape(-1, x.shape[-1]).T @ rows
        self.db = rows.sum(axis=0)
        return delta @ self.W.T
