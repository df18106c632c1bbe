"""The convolution kernels against npdl-conv's references; skipped where npdl-conv is not installed."""

import copy

import numpy as np
import pytest

from npdl_core import Model, kernels
from npdl_core.testing import check_kernel
from npdl_numba import convolution, coverage, pooling, threads

examples = pytest.importorskip("npdl_conv.kernels.examples")
NAMES = convolution.__all__


@pytest.fixture
def all_sizes(monkeypatch):
    """Small arrays are computed, too."""
    monkeypatch.setattr(coverage, "MIN_PRODUCT", 0)
    monkeypatch.setattr(coverage, "MIN_NUMBERS", 1)


def draw(name, dtype="float32"):
    """Return arguments and options of every example."""
    found = getattr(examples, name)(np.random.default_rng(0), np.dtype(dtype))
    return [(list(args[:-1]), args[-1]) for args in found]


def arrays(args, options):
    return [array for array in (*args, *options.values()) if isinstance(array, np.ndarray)]


def covered(name):
    """Return the examples that the override computes."""
    return [call for call in draw(name) if apply(name, *copy.deepcopy(call)) is not NotImplemented]


def apply(name, args, options):
    return getattr(convolution, name)(*args, **options)


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_reference_at_odd_sizes(name, all_sizes):
    check_kernel(name)


@pytest.mark.parametrize("name", NAMES)
def test_only_what_is_said_to_be_declined_is(name, all_sizes):
    for args, options in draw(name):
        x, W, out = args[:3]
        dilation, strided = options.get("dilation", (1,)), max(options.get("stride", (1,))) > 1
        reverses = name == "convolution_backward" and args[4] is not None
        too_wide = any(max(m) >= k for m, k in zip(options.get("padding", ()), W.shape, strict=False))
        due = (
            W.ndim <= 4
            and len(x) > 0
            and options.get("groups", 1) == 1
            and dilation[-1] == 1
            and not (reverses and (strided or too_wide))
        )
        came = apply(name, args, options)
        assert (came is not NotImplemented) == due, (x.shape, W.shape, out.shape, options)


def test_examples_have_strides_paddings_and_few_and_many_channels(all_sizes):
    calls = covered("convolution_forward")
    filters = {W.shape[-1] for (_, W, _), _ in calls}
    assert filters >= {5, 9, 17, 20, 33, 40, 50, 65}
    assert any("stride" in options for _, options in calls)
    assert any(len(out) * out.shape[1] * out.shape[2] < 8 for (_, _, out), _ in calls if out.ndim == 4)


@pytest.mark.parametrize("n_filters", [1, 8, 9, 16, 23, 24, 25, 32, 63])
@pytest.mark.parametrize("size", [(1, 1, 1), (3, 1, 2), (11, 7, 5)])
def test_every_tile(n_filters, size, all_sizes):
    rng = np.random.default_rng(0)
    n, height, across = size
    x = rng.standard_normal((n, height, across, 3)).astype("float32")
    W = rng.standard_normal((3, 3, 3, n_filters)).astype("float32")
    dy = rng.standard_normal((n, height, across, n_filters)).astype("float32")
    options = {"padding": ((1, 1), (1, 1))}
    for name, reference in (
        ("convolution_forward", [x, W, dy]),
        ("convolution_backward", [x, W, dy, W + 1, x + 1]),
    ):
        mine, due = copy.deepcopy(reference), copy.deepcopy(reference)
        apply(name, mine, options)
        kernels.find(name).reference(*due, **options)
        for one, other in zip(mine, due, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parts", [2, 3])
def test_every_bit_is_the_same_on_any_number_of_threads(name, parts, all_sizes, monkeypatch):
    for args, options in covered(name):
        mine, others = copy.deepcopy((args, options)), copy.deepcopy((args, options))
        monkeypatch.setattr(threads, "limit", lambda: 1)
        apply(name, *mine)
        monkeypatch.setattr(threads, "limit", lambda: parts)
        apply(name, *others)
        for one, other in zip(arrays(*mine), arrays(*others), strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_left_alone_and_all_of_an_output_is_written(name, all_sizes):
    written = {"convolution_forward": [2], "convolution_backward": [3, 4]}[name]
    for args, options in covered(name):
        before = copy.deepcopy((args, options))
        for position in written:
            if args[position] is not None:
                args[position][...] = np.nan
        if "db" in options:
            options["db"][...] = np.nan
        apply(name, args, options)
        for position, (now, then) in enumerate(zip(args, before[0], strict=True)):
            if position in written:
                assert now is None or np.isfinite(now).all()
            else:
                assert now.tobytes() == then.tobytes()
        assert np.isfinite(options.get("db", 0)).all()


@pytest.mark.parametrize("name", NAMES)
def test_small_double_and_strided_arrays_are_declined(name, monkeypatch):
    args, options = draw(name)[0]
    assert apply(name, args, options) is NotImplemented
    monkeypatch.setattr(coverage, "MIN_PRODUCT", 0)
    assert apply(name, *draw(name, "float64")[0]) is NotImplemented
    for position in range(len(args)):
        changed = list(args)
        changed[position] = np.repeat(args[position], 2, axis=-1)[..., ::2]
        assert apply(name, changed, options) is NotImplemented
    args[-1].flags.writeable = False
    assert apply(name, args, options) is NotImplemented


def test_an_image_that_numpy_takes_long_for_is_computed():
    W = np.ones((5, 5, 1, 20), "float32")
    for size, due in ((28, True), (24, False)):
        x, out = np.ones((1, size, size, 1), "float32"), np.zeros((1, size - 4, size - 4, 20), "float32")
        assert (convolution.convolution_forward(x, W, out) is out) == due
        assert (out == (25 if due else 0)).all()


@pytest.mark.parametrize("name", NAMES)
def test_wrong_shapes_are_left_to_the_reference(name, all_sizes):
    args, options = draw(name)[0]
    for position in range(len(args)):
        for axis in (0, -1):
            if position == 1 and axis == 0:
                continue  # smaller filters fit as well
            changed = list(args)
            changed[position] = np.ascontiguousarray(np.repeat(args[position], 2, axis))
            assert apply(name, changed, options) is NotImplemented
    too_large = np.zeros((2, 8, 5, 5), "float32")
    assert apply(name, [*args[:2], too_large, *args[3:]], options) is NotImplemented


def test_large_filters_have_fewer_parts(all_sizes, monkeypatch):
    seen = []
    monkeypatch.setattr(convolution, "share", lambda function, n, *rest: seen.append(n))
    x, W = np.ones((18, 5, 5, 4), "float32"), np.ones((1, 1, 4, 4), "float32")
    convolution.convolution_backward(x, W, x, W.copy(), x.copy())
    monkeypatch.setattr(convolution, "_MOST_NUMBERS", 1)
    convolution.convolution_backward(x, W, x, W.copy(), x.copy())
    assert seen == [16, 2]


def test_gradients_pixel_by_pixel(all_sizes):
    rng = np.random.default_rng(0)
    W = rng.standard_normal((5, 4, 9, 20)).astype("float32")
    for n, padding in ((16, ((0, 0), (0, 0))), (19, ((1, 2), (0, 1))), (7, ((0, 0), (0, 0)))):
        high, across = (6 + sum(p) - k + 1 for p, k in zip(padding, W.shape, strict=False))
        x = rng.standard_normal((n, 6, 6, 9)).astype("float32")
        dy = rng.standard_normal((n, high, across, 20)).astype("float32")
        mine, due = ([x, W, dy, np.full_like(W, np.nan), np.full_like(x, np.nan)] for _ in range(2))
        apply("convolution_backward", mine, {"padding": padding})
        kernels.find("convolution_backward").reference(*due, padding=padding)
        for one, other in zip(mine[3:], due[3:], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def network():
    model = Model(seed=0)
    model.add("convolution", nb_filter=20, filter_size=5, input_shape=(1, 16, 16))
    model.add("max_pooling", pool_size=2)
    model.add("convolution", nb_filter=33, filter_size=3, padding=1, activation="tanh")
    model.add("transposed_convolution", nb_filter=12, filter_size=3, padding=1)
    model.add("flatten")
    model.add("softmax", n_out=3)
    return model.compile("scce", {"name": "sgd", "config": {"lr": 0.02}})


@pytest.fixture
def compiled_or_not(monkeypatch):
    """Return a function that trains a network for some steps with or without overrides."""

    def train(overridden):
        if not overridden:
            monkeypatch.setenv("NPDL_KERNELS", "numpy")
        for name in (*NAMES, *pooling.__all__):
            kernels.find(name).refresh()
        try:
            rng = np.random.default_rng(0)
            x, y = rng.standard_normal((12, 1, 16, 16), dtype="float32"), rng.integers(0, 3, 12)
            model = network()
            return [model.train_on_batch(x, y)["loss"] for _ in range(4)], model.predict(x)
        finally:
            monkeypatch.delenv("NPDL_KERNELS", raising=False)
            for name in (*NAMES, *pooling.__all__):
                kernels.find(name).refresh()

    return train


def test_training_goes_as_with_numpy_and_repeats_to_the_last_bit(compiled_or_not, all_sizes):
    losses, outputs = compiled_or_not(True)
    again, outputs_again = compiled_or_not(True)
    reference, reference_outputs = compiled_or_not(False)
    assert losses == again
    assert outputs.tobytes() == outputs_again.tobytes()
    np.testing.assert_allclose(losses, reference, rtol=1e-4)
    np.testing.assert_allclose(outputs, reference_outputs, rtol=1e-3, atol=1e-5)
    assert outputs.tobytes() != reference_outputs.tobytes()  # else the overrides were not used
