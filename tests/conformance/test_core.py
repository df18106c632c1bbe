"""Every component of npdl-core by its name, through the conformance kit; one that is missing here fails."""

import numpy as np
import pytest

from npdl_core.layers import Layer
from npdl_core.testing import cases, check_table

DENSE = {"name": "dense", "config": {"n_out": 5}}


class Autoencoder(Layer):
    """A table of vectors and a read-out that shares it: ``tied_dense`` cannot stand without its partner."""

    integer_input = True

    def __init__(self, activation="tanh"):
        self.add_layer("table", {"name": "embedding", "config": {"input_size": 7, "n_out": 3}})
        read = {"activation": activation, "layer": self.table}
        self.add_layer("read", {"name": "tied_dense", "config": read})

    def connect_to(self, prev_layer=None):
        self.table.connect(self.incoming_shape(prev_layer))
        self.read.connect(self.table.out_shape)
        self.out_shape = self.read.out_shape

    def forward(self, input, train=True):
        return self.read.forward(self.table.forward(input, train), train)

    def backward(self, pre_grad):
        grad = self.read.backward(pre_grad)
        read_part = self.read.dW.copy()
        back = self.table.backward(grad)
        self.table.dW += read_part
        return back


TABLE = {
    "layers": {
        "activation": [{}, {"config": {"activation": "softmax"}}],
        "add": {},
        "alpha_dropout": {"config": {"p": 0.3}},
        "batch_normal": [{}, {"config": {"axis": [0, 2]}, "input_shape": (None, 3, 5)}],
        "chain": [
            {"config": {"layers": [DENSE, "layer_norm", {"name": "softmax", "config": {"n_out": 3}}]}},
            {
                "config": {"layers": ["masking", "batch_normal", "last_step", DENSE]},
                "input_shape": (None, None, 4),
            },
            {
                "config": {
                    "layers": [{"name": "embedding", "config": {"input_size": 6, "n_out": 3}}, "dropout"]
                }
            },
        ],
        "concat": [{}, {"config": {"axis": 1}, "input_shape": [(None, 2, 5), (None, 3, 5)]}],
        "dense": [
            {"config": {"n_out": 3}},
            {"config": {"n_out": 3, "activation": "softmax", "use_bias": False}},
            {"config": {"n_out": 3, "activation": "sigmoid"}},
            {"config": {"n_out": 3, "activation": "relu", "n_in": 5, "init": "normal"}},
        ],
        "dim_shuffle": {"config": {"axis": 1}},
        "dropout": [{}, {"config": {"p": 0.3}}],
        "embedding": [
            {"config": {"input_size": 7, "n_out": 3}},
            {"config": {"input_size": 7, "n_out": 3, "mask_zero": True}},
            {"config": {"input_size": 7, "n_out": 3, "static": True, "nb_seq": 4, "nb_batch": 3}},
            {"config": {"embed_words": np.arange(12.0).reshape(4, 3)}},
        ],
        "flatten": [{}, {"config": {"outdim": 3}}],
        "gaussian_dropout": {"config": {"p": 0.3}},
        "gaussian_noise": {"config": {"std": 0.2}},
        "identity": {},
        "input": [{"config": {"shape": [4, 5]}}, {"config": {"shape": [None, 3]}}],
        "last_step": {},
        "layer_norm": [{}, {"config": {"n_axes": 2, "use_bias": False}, "input_shape": (None, 4, 5)}],
        "linear": {"config": {"n_out": 3}},
        "masking": {},
        "maxout": {"config": {"n_out": 3}},
        "mean_over_time": {},
        "multiply": [{}, {"input_shape": [(None, 3), (None, 3), (None, 3)]}],
        "parallel": [
            {"config": {"layers": [DENSE, "identity"], "merge": "concat"}, "input_shape": (None, 5)},
            {"config": {"layers": [DENSE, "layer_norm"]}, "input_shape": [(None, 4), (None, None, 3)]},
            {
                "config": {"layers": ["batch_normal", "masking"], "merge": "multiply"},
                "input_shape": (None, None, 5),
            },
        ],
        "permute": {"config": {"dims": [2, 1]}},
        "prelu": {},
        "regularization": {"config": {"layer": DENSE, "l1": 0.1, "l2": 0.2}, "input_shape": (None, 5)},
        "repeat_vector": {"config": {"n": 3}},
        "reshape": {"config": {"shape": [-1]}},
        "residual": [
            {"config": {"layer": DENSE}, "input_shape": (None, None, 5)},
            {"config": {"layer": "masking"}, "input_shape": (None, None, 5)},
        ],
        "rms_norm": {},
        "softmax": {"config": {"n_out": 3}},
        "tied_dense": {"spec": Autoencoder},
    },
    "activations": {
        "elliot": {},
        "elu": [{}, {"config": {"alpha": 0.5}}],
        "exponential": {},
        "gelu": [{}, {"config": {"approximate": True}}],
        "hard_sigmoid": {"input_range": (-4.0, 4.0)},
        "hard_swish": {"input_range": (-4.0, 4.0)},
        "hard_tanh": {},
        "leaky_relu": {"config": {"alpha": 0.2}},
        "linear": {},
        "log_softmax": {},
        "mish": {},
        "relu": {},
        "relu6": {"input_range": (-2.0, 8.0)},
        "selu": {},
        "sigmoid": {},
        "silu": {},
        "softmax": {},
        "softmin": {},
        "softplus": {},
        "softsign": {},
        "symmetric_elliot": {},
        "tanh": {},
    },
    "objectives": {
        "binary_cross_entropy": [
            {"outputs": "unit"},
            {"outputs": "real", "targets": "unit", "config": {"from_logits": True}},
        ],
        "binary_focal": {"outputs": "unit", "targets": "binary"},
        "categorical_hinge": {"outputs": "real", "targets": "one_hot"},
        "cosine": {"outputs": "real"},
        "focal": {},
        "hellinger_distance": {},
        "hinge": {"outputs": "real", "targets": "signs"},
        "huber": [{"outputs": "real"}, {"outputs": "real", "config": {"delta": 0.5}}],
        "kl_divergence": {},
        "log_cosh": {"outputs": "real"},
        "mean_absolute_error": {"outputs": "real"},
        "mean_squared_error": {"outputs": "real"},
        "multiclass_hinge": {"outputs": "real", "targets": "one_hot"},
        "nll": {"outputs": "real", "targets": "probabilities"},
        "poisson": {"outputs": "positive"},
        "softmax_categorical_cross_entropy": [
            {},
            {"outputs": "real", "targets": "probabilities", "config": {"from_logits": True}},
        ],
        "squared_hinge": {"outputs": "real", "targets": "signs"},
    },
    "optimizers": {
        "sgd": [
            {},
            {"config": {"momentum": 0.9, "lr": 0.01, "decay": 0.1, "weight_decay": 0.1}},
            {"config": {"momentum": 0.9, "lr": 0.01, "nesterov": True, "clip_norm": 1.0, "clip": 0.5}},
            {"config": {"lr": 0.01, "clip_param_norm": 0.5, "weight_decay": 0.1, "decoupled": True}},
        ]
    },
    "initializers": {
        "constant": {"config": {"value": 0.5}, "random": False},
        "glorot_normal": {},
        "glorot_uniform": {},
        "he_normal": {},
        "he_uniform": {},
        "identity": {"random": False},
        "lecun_normal": {},
        "lecun_uniform": {},
        "normal": {"config": {"std": 0.1, "mean": 1.0}},
        "one": {"random": False},
        "orthogonal": {},
        "seq_normal": {},
        "torch_uniform": {},
        "truncated_normal": {},
        "uniform": [{}, {"config": {"scale": [0.1, 0.2]}}],
        "variance_scaling": {},
        "zero": {"random": False},
    },
    "metrics": {
        "accuracy": [{}, {"targets": "one_hot"}, {"outputs": "unit", "targets": "binary", "n_outputs": 1}],
        "auc": {"outputs": "unit", "targets": "binary", "n_outputs": 1},
        "binary_accuracy": {"outputs": "unit", "targets": "binary"},
        "confusion_matrix": {},
        "f1": [
            {},
            {"config": {"average": "micro"}},
            {"outputs": "unit", "targets": "binary", "n_outputs": 1},
        ],
        "mae": {"outputs": "real", "targets": "real"},
        "mse": {"outputs": "real", "targets": "real"},
        "perplexity": {},
        "precision": [{}, {"config": {"average": "weighted"}}],
        "r2": {"outputs": "real", "targets": "real"},
        "recall": [{}, {"config": {"average": "macro"}}],
        "top_k": {"config": {"k": 2}},
    },
    "callbacks": {
        "csv_logger": {"config": {"path": "log.csv"}},
        "early_stopping": {"config": {"patience": 1}},
        "lambda": {},
        "lr_scheduler": {"config": {"schedule": {"name": "constant", "config": {"lr": 0.1}}}},
        "model_checkpoint": {"config": {"path": "checkpoint.safetensors"}},
        "progress": {},
        "reduce_lr_on_plateau": {"config": {"patience": 0}},
        "tensorboard": {"config": {"log_dir": "logs"}},
        "terminate_on_nan": {},
    },
    "schedules": {"constant": {"config": {"lr": 0.1}}},
    "datasets": {},
    "kernels": {
        "affine_backward": {},
        "affine_forward": {},
        "momentum_step": {},
        "sgd_step": {},
        "softmax": {},
        "softmax_cross_entropy": {},
        "squared_error": {},
    },
}


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_component(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # callbacks write where they are told: here
    case.check()


def test_the_table_is_complete():
    check_table("npdl-core", TABLE)
