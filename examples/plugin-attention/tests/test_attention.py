"""Values against loops, what a query may see, shapes that do not fit, and use in models."""

import numpy as np
import pytest

from npdl_attention import DotProductAttention, MultiHeadAttention
from npdl_attention.functions import allowed, attend
from npdl_core import Graph, Model, load
from npdl_core.errors import ConfigError, ShapeError


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def slow(q, k, v, keep):
    """Attention, one query after another."""
    y = np.zeros((*q.shape[:2], v.shape[-1]))
    for n, t in np.ndindex(*q.shape[:2]):
        seen = [s for s in range(k.shape[1]) if keep[n, t, s]]
        fits = [np.exp(q[n, t] @ k[n, s] / np.sqrt(q.shape[-1])) for s in seen]
        for s, fit in zip(seen, fits, strict=True):
            y[n, t] += fit / sum(fits) * v[n, s]
    return y


def test_it_is_what_loops_compute(rng):
    q, k, v = rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 6, 5)), rng.normal(size=(3, 6, 2))
    keep = rng.random((3, 4, 6)) < 0.5
    keep[1, 2] = False
    y, weights = attend(q, k, v, keep)
    np.testing.assert_allclose(y, slow(q, k, v, keep), rtol=1e-12)
    assert not y[1, 2].any()
    assert not weights[~keep].any()


def test_scores_may_be_huge(rng):
    q = rng.normal(size=(1, 3, 2)) * 1e3
    y, _ = attend(q, q, q, None)
    assert np.isfinite(y).all()


@pytest.mark.parametrize(("causal", "masked"), [(False, False), (True, False), (False, True), (True, True)])
def test_who_may_look_where(causal, masked):
    mask = np.array([[True, True, False]]) if masked else None
    keep = allowed(2, 3, causal, mask)
    due = np.ones((1, 2, 3), bool)
    if causal:
        due &= [[[True, False, False], [True, True, False]]]
    if masked:
        due[..., 2] = False
    assert keep is None if not (causal or masked) else (np.broadcast_to(keep, due.shape) == due).all()


@pytest.mark.parametrize("layer", [DotProductAttention(causal=True), MultiHeadAttention(4, 2, causal=True)])
def test_causal_attention_does_not_see_the_future(rng, layer):
    layer.dtype = "float64"
    layer.connect((None, None, 4))
    x = rng.normal(size=(2, 5, 4))
    changed = x.copy()
    changed[:, 3:] += 1
    before, after = layer.forward(x, train=False), layer.forward(changed, train=False)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (before[:, 3:] != after[:, 3:]).any(axis=-1).all()


def test_one_head_with_unit_projections_is_dot_product_attention(rng):
    heads, plain = MultiHeadAttention(3), DotProductAttention()
    for layer in (heads, plain):
        layer.dtype = "float64"
        layer.connect((None, None, 3))
    for child in heads.children.values():
        child.W = np.eye(3)
    x = rng.normal(size=(2, 4, 3))
    np.testing.assert_allclose(heads.forward(x, train=False), plain.forward(x, train=False), rtol=1e-12)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ((None, 3), r"must be sequences \(N, T, D\)"),
        ([(None, None, 3)] * 4, "one to three inputs are needed, got 4"),
        ([(None, 4, 3), (None, 5, 3), (None, 6, 3)], "must have one length"),
        ([(None, 4, 3), (None, 5, 2)], "queries have 3 features, keys 2"),
    ],
)
def test_shapes_that_do_not_fit(shapes, message):
    with pytest.raises(ShapeError, match=message):
        DotProductAttention().connect(shapes)


def test_a_mask_that_does_not_fit(rng):
    layer = DotProductAttention().connect((None, None, 3))
    with pytest.raises(ShapeError, match=r"a mask of shape \(2, 4\) for an input of shape \(2, 5, 3\)"):
        layer.forward(rng.normal(size=(2, 5, 3)), mask=np.ones((2, 4), bool))


def test_heads_must_divide_the_output():
    with pytest.raises(ConfigError, match="n_heads=3 must divide n_out=4"):
        MultiHeadAttention(4, n_heads=3)


def test_queries_and_memory_have_their_own_masks(rng):
    """In a graph, padding of the memory is not looked at, and the output goes with the queries' mask."""
    nodes = {
        "attended": (
            {"name": "multi_head_attention", "config": {"n_out": 4, "n_heads": 2}},
            ["query", "memory"],
        ),
        "answer": ({"name": "linear", "config": {"n_out": 1}}, "attended"),
    }
    model = Graph(["query", "memory"], nodes, "answer", seed=0)
    model.connect({"query": (None, 3, 4), "memory": (None, 5, 2)})
    query, memory = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 2))
    mask = {"query": np.ones((2, 3), bool), "memory": np.array([[True] * 3 + [False] * 2, [True] * 5])}
    before = model.predict({"query": query, "memory": memory}, mask=mask)
    memory[0, 3:] = np.nan
    np.testing.assert_array_equal(model.predict({"query": query, "memory": memory}, mask=mask), before)
    memory[1, 4] += 1
    assert (model.predict({"query": query, "memory": memory}, mask=mask)[1] != before[1]).all()


def test_a_model_learns_to_find_a_marked_step(rng, tmp_path):
    """The target is the value at the one step whose flag is set: nothing but attention finds it."""
    x = rng.normal(size=(600, 6, 2)).astype("float32")
    where = rng.integers(0, 6, 600)
    x[..., 1] = np.arange(6) == where[:, None]
    y = x[np.arange(600), where, :1]
    model = Model(seed=1)
    model.add("multi_head_attention", n_out=8, n_heads=2)
    model.add("mean_over_time")
    model.add("linear", n_out=1)
    model.compile("mse", {"name": "sgd", "config": {"lr": 0.1, "momentum": 0.9}})
    losses = model.fit(x, y, epochs=60, batch_size=30).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(load(tmp_path / "model.safetensors").predict(x), model.predict(x))
