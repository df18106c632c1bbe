"""Every component of npdl-rnn by its name, through the conformance kit; one that is missing here fails."""

import pytest

from npdl_core.testing import cases, check_table


def layer(skip=(), input_shape=(None, None, 4), **config):
    return {"config": config, "input_shape": input_shape, "skip": skip}


# Read backwards, a sequence's padding comes first, and its outputs come in the order of computation.
REORDERED = ("trailing_padding_is_as_if_not_there",)


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
    },
    "kernels": dict.fromkeys(
        f"{name}_{pass_}"
        for name in ("simple_rnn", "gru", "gru_after", "lstm")
        for pass_ in ("forward", "backward")
    ),
}


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_component(case):
    case.check()


def test_the_table_is_complete():
    check_table("npdl-rnn", TABLE)
