"""Overrides of kernels against their references; the tables of a package's components."""

import numpy as np
import pytest

from npdl_core import kernels, registry
from npdl_core.activations import Tanh
from npdl_core.builtin import KINDS
from npdl_core.errors import ConfigError, ConformanceError, MissingPluginError, PluginError, UnknownNameError
from npdl_core.layers import Dense
from npdl_core.testing import (
    Case,
    cases,
    check_component,
    check_kernel,
    check_table,
    properties,
    registered_components,
)
from npdl_core.testing.kernels import PROPERTIES


def scaled_sum(x, y, out, *, scale=1.0):
    """The reference: out = scale · (x + y); returns the sum of all."""
    np.add(x, y, out=out)
    out *= scale
    return out.sum(), {"rows": [out.shape[0], None, "text"]}


def examples(rng, dtype):
    for n in (1, 3, 8):
        x = rng.normal(0, 1, (n, 2)).astype(dtype)
        yield x, x[::-1], np.empty_like(x)
        yield x, x, np.empty_like(x), {"scale": 0.5}


@pytest.fixture(autouse=True)
def declared():
    """A kernel of this test."""
    kernels.declare("test_scaled_sum", scaled_sum)


def check(*overrides, **arguments):
    return check_kernel("test_scaled_sum", **{"examples": examples, "overrides": overrides, **arguments})


def faster(x, y, out, *, scale=1.0):
    np.copyto(out, (x + y) * np.asarray(scale, x.dtype))
    return np.sum(out), {"rows": [len(out), None, "text"]}


def declines(x, y, out, *, scale=1.0):
    return NotImplemented


def test_right_overrides_are_accepted():
    assert check(faster, declines) == tuple(p.__name__ for p in PROPERTIES)
    assert check() == tuple(p.__name__ for p in PROPERTIES)


def lacks_the_option(x, y, out):
    return faster(x, y, out)


def lacks_the_option_and_is_wrong(x, y, out):
    return wrong_out(x, y, out)


def test_overrides_may_lack_an_option(rejected):
    assert check(lacks_the_option) == tuple(p.__name__ for p in PROPERTIES)
    wrong = lacks_the_option_and_is_wrong
    rejected("kernels", "overrides_compute_the_same", wrong, lambda: check(wrong))


def test_core_kernels_have_examples():
    for name in ("affine_forward", "affine_backward"):
        assert check_kernel(name)


def wrong_result(x, y, out, *, scale=1.0):
    return faster(x, y, out, scale=scale)[0] + 1, {"rows": [len(out), None, "text"]}


def wrong_out(x, y, out, *, scale=1.0):
    result = faster(x, y, out, scale=scale)
    out[-1] = 0
    return result


def writes_input(x, y, out, *, scale=1.0):
    result = faster(x, y, out, scale=scale)
    y *= 2
    return result


def ignores_option(x, y, out, *, scale=1.0):
    return faster(x, y, out)


def double_result(x, y, out, *, scale=1.0):
    total, rest = faster(x, y, out, scale=scale)
    return np.float64(total), rest


def single_only(x, y, out, *, scale=1.0):
    np.copyto(out, (x.astype("float32") + y.astype("float32")) * np.float32(scale))
    return np.sum(out), {"rows": [len(out), None, "text"]}


def other_structure(x, y, out, *, scale=1.0):
    return faster(x, y, out, scale=scale)[0]


def even_sizes_only(x, y, out, *, scale=1.0):
    n = len(x) // 2 * 2
    np.copyto(out[:n], (x[:n] + y[:n]) * np.asarray(scale, x.dtype))
    return np.sum(out), {"rows": [len(out), None, "text"]}


def writes_and_declines(x, y, out, *, scale=1.0):
    out[...] = 7
    return NotImplemented


def raises(x, y, out, *, scale=1.0):
    raise RuntimeError("not today")


@pytest.mark.parametrize(
    "override",
    [
        wrong_result,
        wrong_out,
        writes_input,
        ignores_option,
        double_result,
        single_only,
        other_structure,
        even_sizes_only,
        writes_and_declines,
        raises,
    ],
)
def test_wrong_overrides_are_rejected(rejected, override):
    text = rejected("kernels", "overrides_compute_the_same", override, lambda: check(faster, override))
    assert override.__name__ in text


def test_tolerances():
    with pytest.raises(ConformanceError):
        check(single_only)
    assert check(single_only, rtol={"float64": 1e-5}, skip=["signatures_are_the_references"])


def renamed(x, z, out, *, scale=1.0):
    return faster(x, z, out, scale=scale)


def one_option_more(x, y, out, *, scale=1.0, fast=True):
    return faster(x, y, out, scale=scale)


@pytest.mark.parametrize("override", [renamed, one_option_more])
def test_signatures(rejected, override):
    rejected("kernels", "signatures_are_the_references", override, lambda: check(override))


def none(rng, dtype):
    return []


def large_only(rng, dtype):
    yield np.ones((4, 3)), np.ones((4, 3)), np.ones((4, 3))


def even_only(rng, dtype):
    yield np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (none, "there is no example"),
        (large_only, "no example has a size of 1"),
        (even_only, "no example has an odd"),
    ],
)
def test_examples_must_be_telling(rejected, wrong, message):
    property_name = "examples_are_of_odd_sizes"
    assert message in rejected("kernels", property_name, wrong, lambda: check(faster, examples=wrong))


def test_a_kernel_without_examples_is_told_where_to_put_them():
    with pytest.raises(ConformanceError, match=r"a function test_scaled_sum\(rng, dtype\) in"):
        check_kernel("test_scaled_sum")


def test_examples_that_cannot_be_imported(tmp_path, monkeypatch):
    package = tmp_path / "broken_examples_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "reference.py").write_text("def test_broken(x):\n    return x\n")
    (package / "examples.py").write_text("import module_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    from broken_examples_package.reference import test_broken

    kernels.declare("test_broken", test_broken)
    with pytest.raises(ConformanceError, match="module_that_is_not_there"):
        check_kernel("test_broken")


def test_unknown_kernels():
    with pytest.raises(UnknownNameError):
        check_kernel("never_heard_of")


def test_installed_overrides_are_found(monkeypatch):
    registry.register("kernels", "test_scaled_sum", wrong_out)
    try:
        with pytest.raises(ConformanceError, match="local:test_scaled_sum"):
            check_kernel("test_scaled_sum", examples=examples)
    finally:
        registry.unregister("kernels", "test_scaled_sum")


# -- tables --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "spec", "arguments"),
    [
        ("layers", "dense", {"config": {"n_out": 2}}),
        ("activations", "tanh", {}),
        ("objectives", "scce", {}),
        ("optimizers", "sgd", {}),
        ("initializers", "uniform", {}),
        ("metrics", "accuracy", {}),
        ("callbacks", "early_stopping", {}),
        ("schedules", "constant", {}),
        ("kernels", "affine_forward", {}),
    ],
)
def test_check_component_finds_the_function(kind, spec, arguments):
    assert check_component(kind, spec, **arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_every_property_says_what_it_is(kind):
    found = properties(kind)
    assert found
    assert all(meaning.endswith(".") for meaning in found.values()), found


def test_check_component_of_unknown_kinds():
    with pytest.raises(ConfigError, match="layers"):
        check_component("layer", "dense")
    with pytest.raises(ConfigError):
        cases({"layer": {"dense": {}}})


def test_cases():
    table = {"layers": {"dense": [{"config": {"n_out": 2}}, {"spec": Dense(3)}], "flatten": None}}
    found = cases(table)
    assert [str(case) for case in found] == ["layers-dense", "layers-dense-2", "layers-flatten"]
    assert found[0] == Case("layers", "dense", {"config": {"n_out": 2}})
    for case in found:
        assert "gradients" in case.check()


def test_core_components_come_once():
    found = registered_components("npdl-core")
    assert set(found) <= set(KINDS)
    assert {"dense", "tied_dense"} <= set(found["layers"])
    assert "concatenate" not in found["layers"]
    assert {"affine_forward", "affine_backward"} <= set(found["kernels"])
    assert "test_scaled_sum" not in found["kernels"]


def complete():
    return {kind: {name: {} for name in names} for kind, names in registered_components("npdl-core").items()}


def test_complete_tables():
    check_table("npdl-core", complete())
    check_table("npdl_core", complete())


def test_an_alias_will_do():
    table = complete()
    del table["initializers"]["zero"]
    table["initializers"]["Zeros"] = {}
    check_table("npdl-core", table)


def test_what_is_missing_and_what_is_foreign():
    table = complete()
    del table["layers"]["dense"]
    del table["kernels"]
    table["layers"]["highway"] = {}
    with pytest.raises(ConformanceError) as caught:
        check_table("npdl-core", table)
    message = str(caught.value)
    assert "not in the table: layer dense, kernel affine_backward, kernel affine_forward" in message
    assert "in the table but not its own: layer highway" in message


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """Install a distribution with entry points, in a folder."""

    def install(name, groups, modules):
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"[{group}]\n" + "\n".join(points) for group, points in groups.items()]
        (info / "entry_points.txt").write_text("\n".join(lines))
        for module, source in modules.items():
            (tmp_path / f"{module}.py").write_text(source)
        registry.refresh()

    monkeypatch.syspath_prepend(str(tmp_path))
    yield install
    monkeypatch.undo()
    registry.refresh()


MODULE = """
from npdl_core import kernels
from npdl_core.activations import Tanh

class HardTanh(Tanh):
    \"\"\"Hard.\"\"\"

class Other(Tanh):
    \"\"\"Other.\"\"\"

def own_kernel(x):
    return x

def affine_forward(rows, W, b, out):
    return NotImplemented

kernels.declare("own_kernel", own_kernel)
"""


def test_components_of_a_distribution(distribution):
    points = [
        "stiff_tanh = table_of_test:HardTanh",
        "hard_tanh_of_test = table_of_test:HardTanh",
        "HardTanh = table_of_test:HardTanh",
        "other = table_of_test:Other",
    ]
    groups = {
        "npdl.v1.activations": points,
        "npdl.v1.kernels": ["affine_forward = table_of_test:affine_forward"],
    }
    distribution("npdl-table-of-test", groups, {"table_of_test": MODULE})
    found = registered_components("NPDL_table.of_test")
    assert found == {"activations": ["HardTanh", "other"], "kernels": ["affine_forward", "own_kernel"]}
    table = {"activations": {"stiff_tanh": {}, "other": {}}, "kernels": {"affine_forward": {}}}
    with pytest.raises(ConformanceError, match=r"not in the table: kernel own_kernel$"):
        check_table("npdl-table-of-test", table)
    table["kernels"]["own_kernel"] = {}
    check_table("npdl-table-of-test", table)
    assert cases(table)[0].check()


def test_a_broken_distribution(distribution):
    distribution(
        "npdl-broken-of-test", {"npdl.v1.layers": ["x = broken_of_test:X"]}, {"broken_of_test": "1 / 0"}
    )
    with pytest.raises(PluginError, match=r"ZeroDivisionError"):
        registered_components("npdl-broken-of-test")


def test_a_distribution_that_is_not_there():
    with pytest.raises(MissingPluginError, match="npdl-never"):
        registered_components("npdl-never")


def test_what_a_notebook_registers():
    registry.register("activations", "of this notebook", Tanh)
    try:
        assert registered_components("local")["activations"] == ["of this notebook"]
    finally:
        registry.unregister("activations", "of this notebook")
