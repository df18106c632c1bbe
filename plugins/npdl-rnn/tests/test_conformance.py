"""Every component of npdl-rnn by its name, through the conformance kit; one that is missing here fails."""

import pytest

from npdl_core.testing import cases, check_table


def layer(skip=(), input_shape=(None, None, 4), **config):
    return {"config": config, "input_shape": input_shape, "skip": skip}


def cell(name, **config):
    return {"name": name, "config": {"n_out": 3, **config}}


def dense(**config):
    return {"name": "dense", "config": {"n_out": 3, **config}}


def chain(*layers):
    return {"name": "chain", "config": {"layers": list(layers)}}


def side_by_side(*layers, merge="concat"):
    return {"name": "parallel", "config": {"layers": list(layers), "merge": merge}}


# Read backwards, a sequence's padding comes first, and its outputs come in the order of computation.
REORDERED = ("trailing_padding_is_as_if_not_there",)


# A mask is the source's: the kit gives all inputs of a layer the same one.
SOURCE_ONLY = (*REORDERED, "masked_steps_have_no_influence", "masked_steps_get_no_gradient")


# Learned by reward: test_reinforce.py has the proofs.
REWARDED = ("gradients", "gradients_of_one")


def probabilities(rng, shape):
    """Return rows that sum to 1."""
    return rng.dirichlet([1] * shape[-1], shape[:-1])


def recurrent(*further):
    return [
        layer(n_out=3),
        layer(n_out=3, return_sequence=True, mask_mode="reset"),
        layer(n_out=3, return_sequence=True, go_backwards=True, skip=REORDERED),
        layer(n_out=3, return_sequence=True, num_layers=2, dropout=0.3),
        layer(n_out=3, activation="softsign", recurrent_dropout=0.3, mono=True),
        layer(n_out=3, return_state=True, num_layers=1),
        *further,
    ]


NOISE = {"name": "nce", "config": {"n_classes": 6, "k": 2}}


def one_for_all_steps(rng, shape):
    """Return targets without the axis of time."""
    return rng.normal(size=(shape[0], shape[-1]))


TABLE = {
    "layers": {
        "simple_rnn": recurrent(layer(n_out=3, bptt_steps=9)),
        "gru": recurrent(
            layer(n_out=3, return_sequence=True, reset_after=True),
            layer(n_out=3, reset_after=True, activation="softsign", gate_activation="hard_sigmoid"),
        ),
        "lstm": recurrent(
            layer(n_out=3, return_sequence=True, peephole=True, projection=2),
            layer(n_out=3, gate_activation="hard_sigmoid", mask_mode="reset"),
        ),
        "peephole_lstm": [
            layer(n_out=3, return_sequence=True),
            layer(n_out=3, peephole=False, forget_bias_num=1.0, mask_mode="reset", num_layers=2),
        ],
        "fast_lstm": [layer(n_out=3), layer(n_out=3, return_sequence=True, dropout=0.3)],
        "lstmp": [layer(n_out=3, projection=2, return_sequence=True), layer(n_out=2, projection=4)],
        "bn_lstm": [
            layer(n_out=3, return_sequence=True),
            layer(n_out=3, affine=False, mask_mode="reset"),
            layer(n_out=3, return_sequence=True, stat_steps=3, num_layers=2),
        ],
        "bayesian_gru": [
            layer(n_out=3, p=0.4, return_sequence=True),
            layer(n_out=3, p=0.4, mono=True, num_layers=2, mask_mode="reset"),
            layer(n_out=3, p=0.0),
        ],
        "bayesian_lstm": [
            layer(n_out=3, p=0.4, return_sequence=True),
            layer(n_out=3, p=0.4, mono=True, num_layers=2, activation="softsign"),
            layer(n_out=3, p=0.0),
        ],
        "mufuru": [
            layer(n_out=3, return_sequence=True),
            layer(n_out=3, ops=["keep", "replace"], feature_activation="sigmoid", num_layers=2),
            layer(n_out=3, ops=["max", "forget", "sqrt_diff"], return_sequence=True, mask_mode="reset"),
        ],
        "norm_stabilizer": [layer(), layer(beta=30.0)],
        "mask_zero": [
            layer(layer=dense()),
            layer(layer=dense(), input_shape=(None, 4)),
            layer(layer=cell("lstm", return_sequence=True, mask_mode="reset")),
            layer(layer=cell("gru")),
            layer(layer={"name": "embedding", "config": {"input_size": 9, "n_out": 3}}, feature_dims=0),
            layer(layer="batch_normal"),
        ],
        "trim_zero": [
            layer(layer=dense()),
            layer(layer=chain("flatten", dense()), feature_dims=2, input_shape=(None, 2, 3)),
            layer(layer=cell("lstm", return_sequence=True, mask_mode="reset", num_layers=2)),
            layer(layer=cell("gru", recurrent_dropout=0.3, mono=True)),
            layer(layer=chain(cell("simple_rnn"), "layer_norm", dense())),
            layer(layer="batch_normal"),
        ],
        "bidirectional_lm": [
            layer(layer=cell("gru", return_sequence=True)),
            layer(layer=cell("lstm", return_sequence=True, num_layers=2), merge="mul"),
            layer(
                layer={"name": "sequencer", "config": {"layer": chain(cell("gru"), dense(n_out=2))}},
                backward_layer=cell("simple_rnn", n_out=2, return_sequence=True, go_backwards=True),
                merge="sum",
            ),
        ],
        "seq_brnn": [layer(n_out=3), layer(n_out=3, merge="concat", num_layers=2, dropout=0.3)],
        "repeater": [
            layer(layer=chain(cell("lstm"), dense()), n_steps=3, input_shape=(None, 4)),
            layer(layer=cell("gru"), n_steps=2, return_sequence=False, input_shape=(None, 4)),
            layer(layer="flatten", n_steps=2, input_shape=(None, 3, 2)),
        ],
        "recurrent_attention": [
            layer(
                rnn={
                    "name": "recurrent",
                    "config": {
                        "start": 3,
                        "input_layer": chain("concat", dense()),
                        "feedback_layer": dense(),
                    },
                },
                action=dense(n_out=2),
                n_steps=3,
                hidden_shape=3,
                input_shape=(None, 4),
            ),
            layer(
                rnn=chain("concat", cell("lstm")),
                action=chain(cell("gru", n_out=2), dense(n_out=2)),
                n_steps=4,
                hidden_shape=[3],
                forward_actions=True,
                input_shape=(None, 4),
            ),
        ],
        "recurrence": [
            layer(layer=chain("concat", dense()), state_shape=3, return_sequence=True),
            layer(layer=chain("concat", dense(), cell("lstm")), state_shape=[3], mask_mode="reset"),
            layer(
                layer=chain(
                    side_by_side({"name": "embedding", "config": {"input_size": 9, "n_out": 2}}, "identity"),
                    dense(),
                ),
                state_shape=3,
                input_shape=(None, None),
            ),
            layer(
                layer=chain("concat", side_by_side(dense(), dense(n_out=2), merge=None)),
                state_shape=[[3], [2]],
                return_state=True,
            ),
        ],
        "recurrent": [
            layer(start=3, input_layer=dense(), feedback_layer=dense(), return_sequence=True),
            layer(
                start=chain(dense(n_out=5), dense()),
                input_layer=cell("gru"),
                feedback_layer=chain(dense(), cell("simple_rnn")),
                transfer="tanh",
                merge="multiply",
                mask_mode="reset",
                return_sequence=True,
            ),
            layer(
                start=dense(n_out=6),
                input_layer=dense(),
                feedback_layer="identity",
                transfer=chain("layer_norm", dense()),
                merge="concat",
            ),
        ],
        "recursor": [
            layer(layer=chain(cell("lstm"), dense()), input_shape=(None, 4)),
            layer(layer=dense(), remember="neither", input_shape=(None, 4)),
        ],
        "sequencer": [
            layer(layer=cell("lstm", num_layers=2)),
            layer(layer=dense(), return_sequence=False, mask_mode="reset"),
            layer(layer=chain(cell("gru", dropout=0.3), "batch_normal", dense())),
            layer(
                layer=side_by_side(cell("simple_rnn"), dense(activation="relu")),
                go_backwards=True,
                return_sequence=False,
                return_state=True,
            ),
            layer(layer=chain("flatten", cell("mufuru")), bptt_steps=9, input_shape=(None, 3, 2, 2)),
            layer(
                layer=chain({"name": "embedding", "config": {"input_size": 9, "n_out": 3}}, cell("lstm")),
                return_sequence=False,
                input_shape=(None, None),
            ),
        ],
        "bidirectional": [
            layer(layer=cell("lstm", return_sequence=True)),
            layer(layer=cell("gru", return_state=True), merge="sum"),
            layer(layer=cell("bn_lstm", return_sequence=True), merge="sum"),
            layer(layer=cell("simple_rnn", return_sequence=True), merge="mul"),
            layer(layer=cell("gru"), backward_layer=cell("lstm", go_backwards=True), merge="ave"),
        ],
        "time_distributed": [
            layer(layer=dense()),
            layer(layer=dense(activation="softmax")),
            layer(layer={"name": "batch_normal", "config": {"momentum": 0.5}}),
            layer(layer="flatten", input_shape=(None, None, 2, 3)),
        ],
        "reverse_sequence": [layer(skip=REORDERED), layer(axis=-1)],
        "encoder_decoder": [
            layer(
                encoder=cell("lstm", num_layers=2),
                decoder=cell("lstm", num_layers=2, return_sequence=True),
                input_shape=[(None, None, 4), (None, None, 2)],
                skip=SOURCE_ONLY,
            ),
            layer(
                encoder=cell("gru"),
                decoder=cell("gru"),
                input_shape=[(None, 3, 4), (None, 5, 2)],
                skip=SOURCE_ONLY,
            ),
        ],
        "reinforce_normal": [
            layer(std=0.3, skip=REWARDED),
            layer(input_shape=[(None, 3), (None, 3)], skip=REWARDED) | {"input_range": (0.5, 1.5)},
        ],
        "reinforce_gamma": [
            layer(scale=0.5, skip=REWARDED) | {"input_range": (0.5, 3.0)},
            layer(input_shape=[(None, 3), (None, 3)], skip=REWARDED) | {"input_range": (0.5, 3.0)},
        ],
        "reinforce_bernoulli": layer(skip=REWARDED) | {"input_range": (0.1, 0.9)},
        "reinforce_categorical": layer(skip=REWARDED) | {"make_input": probabilities},
        "glimpse": [
            layer(size=2, input_shape=[(None, 2, 7, 6), (None, 2)]),
            layer(size=3, depth=2, scale=3, input_shape=[(None, 1, 5, 5), (None, 2)]),
        ],
    },
    "objectives": {
        "temporal_softmax": [{"outputs": "real"}, {"config": {"from_logits": False}}],
        "sequencer": [
            {"config": {"objective": "scce"}},
            {"config": {"objective": "mse", "average": True}, "outputs": "real"},
            {"config": {"objective": NOISE}, "outputs": "real", "targets": "ids", "ids": False},
        ],
        "repeater": [
            {
                "config": {"objective": "mse"},
                "outputs": "real",
                "targets": one_for_all_steps,
                # Its garbage goes to masked steps, and these targets have none.
                "skip": ("masked_positions_have_no_influence",),
            }
        ],
        "mask_zero": [{"config": {"objective": "scce"}}, {"config": {"objective": "mse"}, "outputs": "real"}],
        "nce": [
            {"config": {"n_classes": 7, "k": 3, "z": 5.0}, "outputs": "real", "targets": "ids", "ids": False},
            {
                "config": {"n_classes": 7, "k": 3, "shared_noise": False},
                "outputs": "real",
                "targets": "ids",
                "ids": False,
                # Every position draws, so another number of them has another noise.
                "skip": ("positions_add_up", "weights_count_samples"),
            },
        ],
        "vr_class_reward": [{}, {"config": {"objective": "scce", "scale": 2.0}}],
    },
    "metrics": {"bits_per_character": {}},
    "kernels": dict.fromkeys(
        [
            f"{name}_{pass_}"
            for name in ("simple_rnn", "gru", "gru_after", "lstm")
            for pass_ in ("forward", "backward")
        ]
        + ["recurrent_affine_backward"]
    ),
}


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_component(case):
    case.check()


def test_the_table_is_complete():
    check_table("npdl-rnn", TABLE)
