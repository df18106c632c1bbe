"""What counts as data, and what is said of what does not."""

import numpy as np
import pytest

from npdl_core.errors import DataError
from npdl_core.model.data import ArrayData, StreamData, as_batch, as_data, check_mask
from npdl_core.testing.memory import peak_memory

X = np.arange(12.0).reshape(6, 2)
Y = np.arange(6)


def test_batches_are_views_and_the_last_is_smaller():
    data = ArrayData(X, Y)
    batches = list(data.batches(4))
    assert [len(batch.x) for batch in batches] == [4, 2]
    assert all(np.shares_memory(batch.x, X) for batch in batches)
    assert np.concatenate([batch.y for batch in batches]).tolist() == Y.tolist()
    assert [len(batch.x) for batch in data.batches(100)] == [6]


def test_order():
    order = np.array([5, 4, 3, 2, 1, 0])
    batches = list(ArrayData(X, Y, sample_weight=Y).batches(4, order))
    assert [batch.y.tolist() for batch in batches] == [[5, 4, 3, 2], [1, 0]]
    assert [batch.sample_weight.tolist() for batch in batches] == [[5, 4, 3, 2], [1, 0]]


def test_shuffling_uses_half_the_memory_and_is_a_permutation():
    order = ArrayData(X, Y).shuffled(np.random.default_rng(0))
    assert order.dtype == np.uint32
    assert sorted(order) == list(range(6))
    big = np.lib.stride_tricks.as_strided(np.zeros(1), (2**32 + 1,), (0,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "arange", lambda n, dtype: np.zeros(3, dtype))
        assert ArrayData(big).shuffled(np.random.default_rng(0)).dtype == np.uint64


def test_parts_are_views():
    part = ArrayData({"a": X}, Y, mask=np.ones((6, 2), bool)).part(2, 4)
    assert part.n_samples == 2
    assert np.shares_memory(part.x["a"], X)
    assert part.mask.shape == (2, 2)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([[1, 2], [3]], [0, 1], "X: not an array .*pad sequences"),
        ([["a"], ["b"]], [0, 1], "X: expected numbers, got an array of <U1; encode classes"),
        (X, ["cat"] * 6, "Y: expected numbers"),
        (X, 3, "Y: expected an array with a batch axis"),
        (X, Y[:3], "same number of samples: X has 6, Y has 3"),
        ({"a": X, "b": X[:2]}, Y, r"X\['a'\] has 6, X\['b'\] has 2, Y has 6"),
        ({}, Y, "X: an empty dict"),
        ({"a": None}, Y, r"X\['a'\]: expected numbers"),
        (np.ma.masked_array(X, X > 3), Y, "X: masked arrays are not used"),
        (X.astype(complex), Y, "expected numbers, got an array of complex128"),
        (iter([X]), Y, "X: expected numbers, got an array of object"),
    ],
)
def test_what_is_refused(x, y, message):
    with pytest.raises(DataError, match=message):
        ArrayData(x, y)


def test_subclasses_become_plain_arrays(tmp_path):
    mapped = np.memmap(tmp_path / "x", dtype="float32", mode="w+", shape=(4, 2))
    data = ArrayData(mapped, np.zeros(4))
    assert type(data.x) is np.ndarray
    assert np.shares_memory(data.x, mapped)

    class Unusual(np.ndarray):
        pass

    assert type(ArrayData(X.view(Unusual), Y).x) is np.ndarray


class TestMask:
    @pytest.mark.parametrize("given", [[[1, 0]], [[1.0, 0.0]], [[True, False]]])
    def test_becomes_boolean(self, given):
        mask = check_mask(given, np.zeros((1, 2, 3)))
        assert mask.dtype == bool
        assert mask.tolist() == [[True, False]]

    def test_none(self):
        assert check_mask(None, X) is None

    def test_one_for_each_sample(self):
        assert check_mask([1, 0], np.zeros((2, 5))).tolist() == [True, False]

    def test_of_several_inputs(self):
        x = {"a": np.zeros((2, 3, 1)), "b": np.zeros((2, 5))}
        assert check_mask(np.ones((2, 3)), x).all()
        assert check_mask({"a": np.ones((2, 3))}, x)["a"].dtype == bool
        with pytest.raises(DataError, match=r"mask: \['c'\] are not all names of inputs"):
            check_mask({"c": np.ones((2, 3))}, x)
        with pytest.raises(DataError, match="names of inputs"):
            check_mask({"a": np.ones((2, 3))}, X)
        with pytest.raises(DataError, match=r"mask: shape \(3, 3\)"):
            check_mask(np.ones((3, 3)), x)

    @pytest.mark.parametrize(
        ("mask", "message"),
        [
            (np.ones((2, 4)), r"shape \(2, 4\) does not fit inputs of shape \(2, 3, 1\)"),
            (np.ones((3, 3)), "does not fit"),
            (np.ones((2, 3, 2)), "does not fit"),
            (np.full((2, 3), 0.5), "expected true and false.*use sample_weight"),
            (np.full((2, 3), np.nan), "expected true and false"),
        ],
    )
    def test_what_is_refused(self, mask, message):
        with pytest.raises(DataError, match=message):
            check_mask(mask, np.zeros((2, 3, 1)))

    def test_whole_and_parts_check_it(self):
        data = ArrayData(np.zeros((4, 3, 1)), mask=np.ones((4, 3), int))
        assert data.whole().mask.dtype == bool
        assert [batch.mask.dtype == bool for batch in data.batches(3)] == [True, True]
        with pytest.raises(DataError):
            ArrayData(np.zeros((4, 3, 1)), mask=np.ones((4, 2))).whole()


class TestStreams:
    def test_forms_of_a_batch(self):
        assert as_batch((X, Y)).sample_weight is None
        assert as_batch([X, Y, Y]).sample_weight.tolist() == Y.tolist()
        batch = as_batch({"x": X, "y": Y, "mask": np.ones((6, 2))})
        assert batch.mask.all()

    @pytest.mark.parametrize(
        ("item", "message"),
        [
            (X, "a batch must be"),
            ((X,), "a batch must be"),
            ((X, Y, Y, Y), "a batch must be"),
            ({"x": X, "z": Y}, "a batch must be"),
            ({"y": X}, "a batch must be"),
            ("ab", "a batch must be"),
            (7, "a batch must be .* got int"),
            ({"x": X}, "a batch has no targets"),
            ((X, None), "a batch has no targets"),
            ((X, Y[:2]), "same number of samples"),
        ],
    )
    def test_what_is_no_batch(self, item, message):
        with pytest.raises(DataError, match=message):
            as_batch(item)

    def test_iterators_are_told_apart(self):
        assert not StreamData([(X, Y)]).one_shot
        assert StreamData(iter([(X, Y)])).one_shot
        assert StreamData(batch for batch in [(X, Y)]).one_shot
        StreamData([(X, Y)]).refuse_one_shot("X")
        with pytest.raises(DataError, match="X is a one-shot iterator"):
            StreamData(iter([])).refuse_one_shot("X")

    def test_what_is_data(self):
        assert isinstance(as_data(X, Y), ArrayData)
        assert isinstance(as_data([(X, Y)]), StreamData)
        for x in (X, {"a": X}, 3):
            with pytest.raises(DataError, match="Y is missing"):
                as_data(x)
        with pytest.raises(DataError, match="come inside each batch"):
            as_data([(X, Y)], sample_weight=Y)
        with pytest.raises(DataError, match="come inside each batch"):
            as_data([(X, Y)], mask=Y)


@pytest.mark.parametrize(
    "form",
    [
        np.ascontiguousarray,
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x.astype(x.dtype.newbyteorder()),
        lambda x: np.frombuffer(b"_" + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
        lambda x: x.astype(bool),
    ],
    ids=["rows", "columns", "strided", "swapped", "unaligned", "bool"],
)
def test_samples_in_any_order_of_arrays_in_any_form(form):
    x = form(np.random.default_rng(0).normal(size=(2000, 500)).round().astype("float32"))
    order = np.array([7, 0, 1999, 7], np.uint32)
    data = ArrayData({"a": x}, np.arange(2000))
    batch = data.take(order)
    np.testing.assert_array_equal(batch.x["a"], x[order])
    assert batch.x["a"].dtype == x.dtype
    assert batch.y.tolist() == order.tolist()
    assert peak_memory(lambda: data.take(order)) < 50_000  # of 4 MB: nothing but the samples is copied
