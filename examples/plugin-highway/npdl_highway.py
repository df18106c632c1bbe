from npdl_core.activations import Sigmoid, Tanh
from npdl_core.layers import Layer


class Highway(Layer):
    """y = t h + (1 - t) x, h = tanh(x W + b), t = sigmoid(x V + c); x, y (N, ..., D), W, V (D, D)."""

    def connect_to(self, prev_layer=None):
        self.out_shape = self.single_shape(prev_layer)
        for name, rank, init in zip("WVbc", (2, 2, 1, 1), ["glorot_uniform"] * 2 + ["zero"] * 2, strict=True):
            self.add_param(name, self.out_shape[-1:] * rank, init, decay=rank == 2)

    def forward(self, input, train=True):
        x = input.reshape(-1, input.shape[-1])
        h, t = Tanh()(x @ self.W + self.b), Sigmoid()(x @ self.V + self.c)
        if train:
            self.retain(x, h, t)
        return (x + t * (h - x)).reshape(input.shape)

    def backward(self, pre_grad):
        x, h, t = self.retained()
        g = pre_grad.reshape(x.shape)
        dh, dt = g * t * (1 - h * h), g * (h - x) * t * (1 - t)
        self.dW, self.dV, self.db, self.dc = x.T @ dh, x.T @ dt, dh.sum(axis=0), dt.sum(axis=0)
        return (g * (1 - t) + dh @ self.W.T + dt @ self.V.T).reshape(pre_grad.shape)
