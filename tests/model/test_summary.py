from textwrap import dedent

from npdl_core import Graph, Model, registry
from npdl_core.layers import BatchNormal, Concat, Dense, Embedding, Layer, Residual, Softmax, TiedDense


def text(table):
    return dedent(table).strip("\n")


def test_a_chain():
    model = Model([Dense(128, n_in=64), BatchNormal(), "dropout", Residual(Dense(128)), Softmax(10).freeze()])
    model.connect((None, 64))
    assert model.summary() == text(
        """
        name            type         output shape  parameters
        -----------------------------------------------------
        0.dense         Dense        (N, 128)      8,320
        1.batch_normal  BatchNormal  (N, 128)      512
        2.dropout       Dropout      (N, 128)      0
        3.residual      Residual     (N, 128)      16,512
        4.softmax       Softmax      (N, 10)       1,290
        -----------------------------------------------------
        26,634 parameters, 25,088 trainable, 1,546 not
        """
    )
    assert repr(model.summary()) == str(model.summary())


def test_not_connected():
    summary = Model(["flatten", Dense(2)]).summary()
    assert "flatten" in summary
    assert summary.count("?") == 2
    assert summary.endswith("not connected yet: shapes and parameters follow at the first data")
    assert "0 parameters, 0 trainable" in Model().summary()


def test_shared_and_open():
    table, shared = Embedding(input_size=5, n_out=3), Dense(3)
    model = Model([table, shared, shared, TiedDense(table)], seed=0).connect((None, None))
    assert model.summary() == text(
        """
        name          type       output shape  parameters
        -------------------------------------------------
        0.embedding   Embedding  (N, ?, 3)     15
        1.dense       Dense      (N, ?, 3)     12
        2.dense       Dense      (N, ?, 3)     0 (shared)
        3.tied_dense  TiedDense  (N, ?, 5)     5 (shared)
        -------------------------------------------------
        32 parameters, 32 trainable, 0 not
        """
    )


def test_a_graph_and_odd_shapes():
    class Split(Layer):
        def connect_to(self, prev_layer=None):
            self.out_shape = [(None,), (None, 2)]

        def forward(self, input, train=True):
            return [input, input]

        def backward(self, pre_grad):
            return pre_grad[0]

    graph = Graph(
        {"a": (3,), "b": (4,)}, {"both": (Concat(), ["a", "b"]), "y": (Dense(2), "both")}, "y"
    ).compile("mse")
    assert graph.summary() == text(
        """
        name  type    output shape  parameters
        --------------------------------------
        both  Concat  (N, 7)        0
        y     Dense   (N, 2)        16
        --------------------------------------
        16 parameters, 16 trainable, 0 not
        """
    )
    assert "(N,), (N, 2)" in Model([Split()]).connect((None, 3)).summary()


def test_names_cannot_play_tricks():
    class Thing(Layer):
        def __str__(self):
            return "\x1b[31mred\u202e" + "x" * 10**6

        def forward(self, input, train=True):
            return input

        def backward(self, pre_grad):
            return pre_grad

    registry.register("layers", "a thing-2", Thing)
    try:
        model = Model([Thing()]).connect((None, 1))
        assert "0.a_thing_2 " in model.summary()
        assert len(model.summary()) < 700
        assert "\x1b" not in model.summary()
        assert "\u202e" not in model.summary()
    finally:
        registry.unregister("layers", "a thing-2")
