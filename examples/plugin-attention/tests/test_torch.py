"""Values and all gradients against PyTorch's."""

import numpy as np
import pytest

from npdl_attention import DotProductAttention, MultiHeadAttention

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

N, T, S, H, K = 3, 5, 6, 8, 2


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def tensor(array):
    return torch.tensor(np.ascontiguousarray(array), requires_grad=True)


def agree(ours, theirs):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_scaled_dot_product_attention(rng, causal, masked):
    layer = DotProductAttention(causal=causal)
    layer.dtype = "float64"
    layer.connect([(None, None, 4), (None, None, 4), (None, None, 3)])
    inputs = [rng.normal(size=(N, T, 4)), rng.normal(size=(N, S, 4)), rng.normal(size=(N, S, 3))]
    mask = np.arange(S) < np.array([[6], [2], [4]]) if masked else np.ones((N, S), bool)
    seen = torch.tensor(mask[:, None, :] & (np.tri(T, S, dtype=bool) if causal else True))
    theirs = [tensor(x) for x in inputs]
    output = torch.nn.functional.scaled_dot_product_attention(*theirs, attn_mask=seen)
    g = rng.normal(size=output.shape)
    output.backward(torch.tensor(g))
    agree(layer.forward(inputs, mask=[None, mask, mask]), output)
    for ours, their in zip(layer.backward(g), theirs, strict=True):
        agree(ours, their.grad)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("use_bias", [False, True])
def test_multi_head_attention(rng, causal, masked, use_bias):
    layer = MultiHeadAttention(H, K, causal=causal, use_bias=use_bias)
    layer.dtype = "float64"
    layer.connect([(None, None, H), (None, None, 4), (None, None, 3)])
    for parameter in layer.params:
        parameter[...] = rng.normal(size=parameter.shape)
    other = torch.nn.MultiheadAttention(
        H, K, bias=use_bias, kdim=4, vdim=3, batch_first=True, dtype=torch.float64
    )
    names = {"query": other.q_proj_weight, "key": other.k_proj_weight, "value": other.v_proj_weight}
    names["out"] = other.out_proj.weight
    with torch.no_grad():
        for name, weight in names.items():
            weight.copy_(torch.tensor(layer.children[name].W.T))
        if use_bias:
            other.in_proj_bias.copy_(
                torch.tensor(np.concatenate([layer.query.b, layer.key.b, layer.value.b]))
            )
            other.out_proj.bias.copy_(torch.tensor(layer.out.b))
    inputs = [rng.normal(size=(N, T, H)), rng.normal(size=(N, S, 4)), rng.normal(size=(N, S, 3))]
    mask = np.arange(S) < np.array([[6], [2], [4]])
    theirs = [tensor(x) for x in inputs]
    output, _ = other(
        *theirs,
        key_padding_mask=torch.tensor(~mask) if masked else None,
        attn_mask=torch.tensor(~np.tri(T, S, dtype=bool)) if causal else None,
        need_weights=False,
    )
    g = rng.normal(size=output.shape)
    output.backward(torch.tensor(g))
    agree(layer.forward(inputs, mask=[None, mask, mask] if masked else None), output)
    for ours, their in zip(layer.backward(g), theirs, strict=True):
        agree(ours, their.grad)
    for name, weight in names.items():
        agree(layer.children[name].dW, weight.grad.T)
    if use_bias:
        agree(np.concatenate([layer.query.db, layer.key.db, layer.value.db]), other.in_proj_bias.grad)
        agree(layer.out.db, other.out_proj.bias.grad)


def test_self_attention_adds_the_three_gradients(rng):
    layer = MultiHeadAttention(H, K)
    layer.dtype = "float64"
    layer.connect((None, None, H))
    other = torch.nn.MultiheadAttention(H, K, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        other.in_proj_weight.copy_(
            torch.tensor(np.concatenate([layer.query.W.T, layer.key.W.T, layer.value.W.T]))
        )
        other.out_proj.weight.copy_(torch.tensor(layer.out.W.T))
    x = rng.normal(size=(N, T, H))
    theirs = tensor(x)
    output, _ = other(theirs, theirs, theirs, need_weights=False)
    g = rng.normal(size=output.shape)
    output.backward(torch.tensor(g))
    agree(layer.forward(x), output)
    agree(layer.backward(g), theirs.grad)
