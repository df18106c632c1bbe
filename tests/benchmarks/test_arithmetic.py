"""What tables of measurements are computed with; nothing is timed."""

import doctest

import pytest


@pytest.fixture
def arithmetic(bench):
    return bench("arithmetic")


@pytest.mark.parametrize("name", ["arithmetic", "tables"])
def test_examples_in_docstrings(bench, name):
    assert doctest.testmod(bench(name)).failed == 0


def test_ratios_are_of_one_round(arithmetic):
    times = {"ours": [1.0, 4.0, 9.0], "theirs": [1.0, 2.0, 10.0]}
    assert arithmetic.ratios(times, "theirs") == {"ours": {"min": 0.9, "median": 1.0, "max": 2.0}}


def test_rounds_must_be_complete(arithmetic):
    with pytest.raises(ValueError, match="longer"):
        arithmetic.ratios({"ours": [1.0], "theirs": [1.0, 2.0]}, "theirs")


def test_fastest_is_by_median(arithmetic):
    times = {"lucky": [0.1, 3.0, 3.0], "steady": [2.0, 2.0, 50.0], "ours": [1.0, 1.0, 1.0]}
    assert arithmetic.fastest(times, ["lucky", "steady"]) == "steady"


def test_fraction_is_of_the_peak_of_its_round(arithmetic):
    found = arithmetic.fractions({"ours": [1.0, 2.0]}, 100.0, [200.0, 100.0])
    assert found == {"ours": {"min": 0.5, "median": 0.5, "max": 0.5}}


@pytest.mark.parametrize("power", [0.0, 1.0, 1.7, 2.0])
def test_slope_of_a_power_is_its_exponent(arithmetic, power):
    sizes = [16, 32, 64, 128]
    assert arithmetic.slope(sizes, [3e-3 * size**power for size in sizes]) == pytest.approx(power)


def test_slope_is_of_least_squares(arithmetic):
    # logarithms to base 2: sizes 0, 1, 2; times 0, 0, 3
    assert arithmetic.slope([1, 2, 4], [1, 1, 8]) == pytest.approx(1.5)


def test_slope_of_one_size_is_refused(arithmetic):
    with pytest.raises(ValueError, match="two different sizes"):
        arithmetic.slope([8, 8], [1.0, 2.0])


def test_a_ratio_equal_to_its_target_meets_it(arithmetic):
    assert arithmetic.verdict(0.9, 0.9) == "met"
    assert arithmetic.verdict(0.95, 0.9) == "missed by 6 %"
    assert arithmetic.verdict(0.901, 0.9) == "missed by 1 %"


def test_operations_of_a_perceptron(bench):
    # forward and weights' gradients 3·4 + 4·2 each, inputs' gradient of the second layer 4·2; five samples
    assert bench("mlp").flops((3, 4, 2), 5) == 2 * 5 * (2 * 20 + 8)


def test_operations_of_a_convolutional_network(bench):
    convolution = bench("convolution")
    net = convolution.Net((2, 6, 6), ((3, 3, 0), 0, (4, 3, 1), 0), (5,))
    # maps of 4 × 4, pooled to 2 × 2, padded 2 × 2, pooled to 1; then 4-5-10
    first, rest = 4 * 4 * 3 * 2 * 9, 2 * 2 * 4 * 3 * 9 + 4 * 5 + 5 * 10
    assert convolution.flops(net) == 2 * convolution.N * (2 * first + 3 * rest)


def test_operations_of_a_recurrent_layer(bench):
    recurrent = bench("recurrent")
    sizes = recurrent.Sizes(T=7, N=5, D=3, H=2)
    # per step and sample: forward x W, h U; backward dW, dU, dh: D, H and D, H, H times the gates' width
    assert recurrent.flops("lstm", sizes) == 2 * 7 * 5 * 8 * (3 + 2 + 3 + 2 + 2)
    assert recurrent.flops("simple_rnn", sizes) * 3 == recurrent.flops("gru", sizes)
