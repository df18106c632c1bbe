"""embedding against PyTorch's, with and without a padding id."""

import numpy as np
import pytest

from npdl_core.layers import Embedding

ORACLE = ("layers embedding", "PyTorch")


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(4, 6), (5,), (2, 3, 4)])
@pytest.mark.parametrize("mask_zero", [False, True])
def test_equals_pytorch(shape, mask_zero, agree):
    import torch

    rng = np.random.default_rng(0)
    layer = Embedding(input_size=7, n_out=3, mask_zero=mask_zero)
    layer.dtype = "float64"
    layer.connect((None, *shape[1:]))
    layer.W[int(mask_zero) :] = rng.normal(size=(7 - mask_zero, 3))
    module = torch.nn.Embedding(7, 3, padding_idx=0 if mask_zero else None).double()
    module.weight.data = torch.tensor(layer.W)
    ids = rng.integers(0, 5, shape)  # 5 and 6 do not occur, others do more than once
    ids.flat[0] = 0
    grad = rng.normal(size=(*shape, 3))
    due = module(torch.tensor(ids))
    due.backward(torch.tensor(grad))
    agree(*ORACLE, "output", layer.forward(ids), due.detach())
    agree(*ORACLE, "output", layer.forward(ids, train=False), due.detach())
    layer.backward(grad)
    agree(*ORACLE, "weights", layer.dW, module.weight.grad)
