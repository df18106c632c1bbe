"""Models that nobody chose: saved, loaded, and damaged in every way.

Models are made of any registered layers by name, with arguments that their names suggest; what does not connect is
left out, so plugins that are installed take part.
"""

import inspect
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npdl_core import Model, load, registry
from npdl_core.errors import NpdlError
from npdl_core.saving.checkpoint import save_checkpoint

SHAPES = [(None, 5), (None, 4, 3), (None, 2, 6, 6)]
small = st.integers(1, 5)
ARGUMENTS = {
    "n_out": small,
    "n": small,
    "input_size": st.just(9),
    "p": st.floats(0, 0.9),
    "nb_filter": small,
    "filter_size": st.sampled_from([1, 2, (2, 2), (3, 3)]),
    "pool_size": st.sampled_from([1, 2, (2, 2)]),
    "layer": st.just({"name": "dense", "config": {"n_out": 3}}),
    "layers": st.just(["identity", {"name": "dense", "config": {"n_out": 3}}]),
    "shape": st.sampled_from([(-1,), (5, 1), (3, 4), (1, 5)]),
    "dims": st.sampled_from([(2, 1), (1,)]),
    "pattern": st.sampled_from([(0, 2, 1), (0, 1)]),
    "activation": st.sampled_from(
        ["tanh", "relu", "sigmoid", "elu", "softplus", "gelu", {"name": "leaky_relu"}]
    ),
    "init": st.sampled_from(["glorot_uniform", "orthogonal", {"name": "normal"}, "he_normal"]),
    "use_bias": st.booleans(),
    "scale": st.floats(0.1, 2),
    "sigma": st.floats(0, 1),
    "axis": st.just(-1),
    "return_sequence": st.booleans(),
    "epsilon": st.floats(1e-6, 1e-2),
    "momentum": st.floats(0, 0.99),
}


@st.composite
def layer(draw):
    """Draw an envelope of a registered layer."""
    name = draw(st.sampled_from(registry.names("layers")))
    config = {}
    for key, parameter in inspect.signature(registry.resolve("layers", name)).parameters.items():
        needed = parameter.default is parameter.empty
        if key in ARGUMENTS and (needed or draw(st.booleans())):
            config[key] = draw(ARGUMENTS[key])
    return {"name": name, "config": config}


@st.composite
def models(draw):
    """Draw a connected model: those of the drawn layers that fit behind each other."""
    shape = draw(st.sampled_from(SHAPES))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    kept = []
    for envelope in draw(st.lists(layer(), min_size=1, max_size=6)):
        try:
            with np.errstate(all="ignore"):
                trial = Model([*kept, envelope], seed=1, dtype=dtype).connect(shape)
                several = isinstance(trial.predict(inputs(trial)), list)
        except (NpdlError, TypeError):
            continue
        kept.append(envelope)
        if several:  # which only layers that join inputs can follow
            break
    seed = draw(st.integers(0, 2**32))
    return Model(kept or ["identity"], seed=seed, dtype=dtype).connect(shape)


def inputs(model):
    """Return a batch that suits vectors and ids."""
    return np.random.default_rng(0).integers(0, 3, (4, *model.input_shape[1:]))


def outputs(model):
    """Return predictions, bit by bit; an error in place of them is one of ours."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.predict(inputs(model))
    parts = found if isinstance(found, (list, tuple)) else [found]
    return [(part.dtype.str, part.shape, part.tobytes()) for part in parts]


def there_and_back(path, counts, model):
    """Save and load, and compare: predictions, document, and the bytes of a second save."""
    model.save(path)
    again = load(path)
    assert outputs(again) == outputs(model)
    assert again.to_json() == model.to_json()
    content = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == content
    counts["models"] += 1
    counts.update({type(part).__name__ for part in model.layers})


def fuzz_models(path, record_property, examples):
    counts = Counter()
    quiet = settings(max_examples=examples, database=None, suppress_health_check=list(HealthCheck))
    quiet(given(models())(lambda model: there_and_back(path, counts, model)))()
    total = counts.pop("models")
    record_property("fault", ("models saved and loaded", {"models": total, "kinds of layers": len(counts)}))
    return total, counts


def test_some_models(tmp_path, record_property):
    total, counts = fuzz_models(tmp_path / "m", record_property, 60)
    assert total >= 60
    assert len(counts) > 12


@pytest.mark.proof
def test_many_models(tmp_path, record_property, size):
    total, counts = fuzz_models(tmp_path / "m", record_property, size("models", 2000))
    assert total >= size("models", 2000)
    assert len(counts) > 25


# -- damage --------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """Return the bytes of a model and of a checkpoint."""
    layers = [
        {"name": "dense", "config": {"n_out": 6}},
        "batch_normal",
        {"name": "softmax", "config": {"n_out": 3}},
    ]
    model = Model(layers, seed=0).compile(
        "scce", {"name": "sgd", "config": {"momentum": 0.9}}, metrics=["accuracy"]
    )
    model.fit(np.ones((8, 5)), np.zeros(8, int), epochs=1)
    model.save(tmp_path / "model")
    save_checkpoint(tmp_path / "checkpoint", model, [], 0)
    return [(tmp_path / name).read_bytes() for name in ("model", "checkpoint")]


def refused_or_equal(path, content, expected):
    """Return whether a file is refused; if not, it must be the exact same model."""
    path.write_bytes(content)
    try:
        model = load(path)
    except NpdlError:
        return True
    assert (model.to_json(), outputs(model), list(model.weights())) == expected
    return False


def damage(files, path, record_property, bits, bodies, stride):
    counts = Counter(
        {"flips in headers": 0, "flips in bodies": 0, "cuts": 0, "refused": 0, "the same model": 0}
    )
    rng = np.random.default_rng(0)
    for content in files:
        path.write_bytes(content)
        model = load(path)
        expected = (model.to_json(), outputs(model), list(model.weights()))
        header = 8 + int.from_bytes(content[:8], "little")
        flips = [(place, int(bit)) for place in range(header) for bit in rng.permutation(8)[:bits]]
        body = rng.integers(header, len(content), bodies).tolist()
        flips += [(place, int(rng.integers(8))) for place in body]
        for place, bit in flips:
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            refused = refused_or_equal(path, changed, expected)
            assert refused or place < header
            counts["refused" if refused else "the same model"] += 1
        cuts = [*range(0, header, stride), *rng.integers(header, len(content), bodies).tolist()]
        for length in cuts:
            assert refused_or_equal(path, content[:length], expected)
        counts.update({"flips in headers": header * bits, "flips in bodies": bodies, "cuts": len(cuts)})
        counts["refused"] += len(cuts)
    record_property("fault", ("damaged files", dict(counts)))
    assert counts["refused"] + counts["the same model"] == sum(
        counts[key] for key in ("flips in headers", "flips in bodies", "cuts")
    )


def test_some_damage(files, tmp_path, record_property):
    damage(files[:1], tmp_path / "damaged", record_property, 1, 100, 5)


@pytest.mark.proof
def test_much_damage(files, tmp_path, record_property, size):
    damage(files, tmp_path / "damaged", record_property, 8, size("bodies", 5000), 1)
