"""Every component of npdl-conv by its name, through the conformance kit; one that is missing here fails."""

import pytest

import npdl_conv.kernels  # noqa: F401 - declares the kernels
from npdl_core.testing import cases, check_table

SIGNAL, IMAGE, VOLUME = (None, 4, 9), (None, 4, 7, 6), (None, 4, 5, 4, 3)


def layer(input_shape, **config):
    return {"config": config, "input_shape": input_shape}


def pools(*further):
    return [
        layer(IMAGE, pool_size=2),
        layer(IMAGE, pool_size=[3, 2], stride=[2, 1], padding=1),
        layer(IMAGE, pool_size=3, stride=2, ceil_mode=True),
        layer(SIGNAL, pool_size=[3]),
        layer(VOLUME, pool_size=[2, 2, 2], stride=1),
        layer((None, 6, 4), pool_size=[6, 1]),
        layer((None, None, 4), pool_size=[2, 1], ceil_mode=True),
        *further,
    ]


TABLE = {
    "layers": {
        "convolution": [
            layer(IMAGE, nb_filter=3, filter_size=3, activation="tanh"),
            layer(
                IMAGE, nb_filter=3, filter_size=[3, 2], stride=[2, 1], padding="same", activation="softplus"
            ),
            layer(IMAGE, nb_filter=4, filter_size=2, dilation=2, groups=2, padding=((1, 0), (2, 1))),
            layer((None, 13, 5, 6), nb_filter=3, filter_size=3, padding=1, activation="tanh"),
            layer(IMAGE, nb_filter=3, filter_size=1, use_bias=False, activation="linear"),
        ],
        "conv1d": layer(SIGNAL, nb_filter=3, filter_size=3, stride=2, activation="tanh"),
        "conv3d": layer(VOLUME, nb_filter=2, filter_size=2, padding=1, activation="tanh"),
        "transposed_convolution": [
            layer(IMAGE, nb_filter=13, filter_size=3, activation="tanh"),
            layer(IMAGE, nb_filter=3, filter_size=3, activation="tanh"),
            layer(IMAGE, nb_filter=4, filter_size=2, stride=2, output_padding=1, groups=2, activation="tanh"),
            layer(
                IMAGE, nb_filter=3, filter_size=3, dilation=2, padding=1, use_bias=False, activation="tanh"
            ),
        ],
        "transposed_conv1d": layer(
            SIGNAL, nb_filter=3, filter_size=3, stride=2, padding=1, activation="tanh"
        ),
        "transposed_conv3d": layer(VOLUME, nb_filter=2, filter_size=2, stride=2, activation="tanh"),
        "depthwise": [
            layer(IMAGE, filter_size=3, activation="tanh"),
            layer(IMAGE, filter_size=[3, 2], multiplier=2, stride=2, padding="same", activation="softplus"),
            layer(IMAGE, filter_size=2, dilation=2, use_bias=False, activation="linear"),
            layer((None, 1, 5, 5), filter_size=2, multiplier=3, activation="tanh"),
        ],
        "separable": [
            layer(IMAGE, nb_filter=3, filter_size=3, activation="tanh"),
            layer(IMAGE, nb_filter=2, filter_size=2, multiplier=2, stride=2, padding=1, activation="tanh"),
        ],
        "max_pooling": pools(),
        "mean_pooling": pools(layer(IMAGE, pool_size=2, padding=1, count_include_pad=True)),
        "l2_pooling": pools(layer(IMAGE, pool_size=2, p=3.0)),
        "global_max_pooling": [layer(IMAGE), layer(SIGNAL)],
        "global_mean_pooling": [layer(IMAGE), layer(VOLUME)],
        "max_unpooling": [
            layer([(None, 4, 3, 3), IMAGE], pool_size=2),
            layer([(None, 4, 3, 3), IMAGE], pool_size=3, stride=2, padding=[[1, 0], [1, 1]]),
            layer([(None, 4, 4), (None, 4, 9)], pool_size=[2]),
        ],
        "group_norm": [
            layer(IMAGE, groups=2),
            layer((None, 6), groups=3, epsilon=0.01),
            layer(VOLUME, groups=1, affine=False),
        ],
        "instance_norm": [layer(IMAGE), layer(SIGNAL, affine=False)],
        "local_response_norm": [
            layer(IMAGE),
            layer(IMAGE, size=2, alpha=0.5, beta=1.5, k=0.7),
            layer((None, 3, 4), size=9, alpha=2.0),
        ],
        "upsampling": [
            layer(IMAGE, factor=2),
            layer(IMAGE, factor=[2, 3], mode="bilinear"),
            layer(SIGNAL, factor=3, mode="bilinear", n_axes=1),
            layer((None, None, 4), factor=[3, 1]),
        ],
        "zero_padding": [
            layer(IMAGE, size=1),
            layer(SIGNAL, size=[[2, 1]], n_axes=1),
            layer((None, None, 4), size=[[2, 1], [0, 1]]),
        ],
        "cropping": [
            layer(IMAGE, size=1),
            layer(IMAGE, size=[[1, 0], [0, 2]]),
            layer((None, 5, 4), size=[[2, 1], [0, 1]]),
        ],
    },
    "kernels": dict.fromkeys(
        f"{name}_{pass_}" for name in ("convolution", "max_pooling") for pass_ in ("forward", "backward")
    ),
}


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_component(case):
    case.check()


def test_every_component_is_in_the_table():
    check_table("npdl-conv", TABLE)
