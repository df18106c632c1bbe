"""``npdl evaluate``, ``predict``, ``summary``, ``components``, ``describe``, ``plugins`` and ``version``."""

import csv
import io
import json
import sys

import numpy as np
import pytest

import npdl_core
from npdl_core import registry
from npdl_core.builtin import ALIASES, BUILTIN, KINDS


class Mine:
    """A layer of this process."""

    def connect_to(self, prev_layer=None):
        pass

    forward = backward = connect_to


@pytest.fixture
def model(trained):
    return trained / "model.safetensors"


@pytest.fixture
def held_out():
    return registry.get("datasets", "blobs").load()[1]


@pytest.fixture
def save(tmp_path):
    """Save a model of layers, connected to a shape."""

    def make(layers, shape, compiled=True):
        network = npdl_core.Model(layers, seed=0)
        network.connect(shape)
        if compiled:
            network.compile("mse", "sgd")
        path = tmp_path / "saved.safetensors"
        network.save(path)
        return path

    return make


# -- evaluate --------------------------------------------------------------------------------------------


def test_evaluate_prints_what_training_printed(npdl, model, trained):
    done = npdl("evaluate", model, "--data", "blobs")
    assert done.exit_code == 0, done.output
    record = json.loads((trained / "run.json").read_text())
    assert "confusion matrix" in done.stdout
    assert "30 samples of the test part" in done.stdout
    for key, value in record["results"]["held-out"].items():
        assert f"{key}: {value:.4f}\n" in done.stdout


def test_evaluate_takes_the_data_of_a_configuration_and_settings(npdl, model, config):
    path = config(('"blobs"', '"blobs"\nn_test = 11'), name="data.toml")
    assert "11 samples of the test part" in npdl("evaluate", model, "--data", path).stdout
    done = npdl("evaluate", model, "--data", path, "--set", "data.n_test=12")
    assert "12 samples of the test part" in done.stdout
    done = npdl("evaluate", model, "--data", "blobs", "--set", "data.n_test=9", "--batch-size", "2")
    assert "9 samples of the test part" in done.stdout


def test_evaluate_on_the_training_part(npdl, model):
    done = npdl("evaluate", model, "--data", "blobs", "--part", "train")
    assert "120 samples of the train part" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "blobz"], 2, "Error: --data: data.name: unknown dataset 'blobz'"),
        (["--data", "blobs.safetensors"], 2, "unknown dataset 'blobs.safetensors'"),
        (["--data", "gone.toml"], 2, "Error: gone.toml: cannot be read: No such file"),
        (["--data", "blobs", "--set", "data.n_test=0"], 1, "Error: the test part of this data set is empty"),
        (["--data", "missing"], 1, "pip install toys"),
        (["--data", "line"], 1, "Error: "),
        (["--data", "blobs", "--part", "all"], 2, "'all' is not one of 'test', 'train'"),
    ],
)
def test_evaluate_refuses(npdl, model, arguments, code, message):
    done = npdl("evaluate", model, *arguments)
    assert done.exit_code == code
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_evaluate_takes_the_data_of_the_models_run(npdl, config, tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    np.save(tmp_path / "set" / "numbers.npy", np.ones((8, 2), "float32"))
    path = config(
        ('name = "blobs"', 'name = "fromfile"\npath = "set/numbers.npy"'),
        ('"softmax"\nn_out = 3', '"linear"\nn_out = 1'),
        ("softmax_categorical_cross_entropy", "mse"),
        ('["accuracy"]', "[]"),
    )
    assert npdl("train", path, "-q", "-o", tmp_path / "deep" / "run").exit_code == 0
    monkeypatch.chdir(tmp_path / "deep" / "run")
    done = npdl("evaluate", "model.safetensors")
    assert done.exit_code == 0, done.output
    assert "2 samples of the test part" in done.stdout
    done = npdl("evaluate", "model.safetensors", "--set", "data.path=gone.npy")
    assert "Error: gone.npy: No such file or directory" in done.stderr
    (tmp_path / "deep" / "run" / "run.json").unlink()
    done = npdl("evaluate", "model.safetensors")
    assert done.exit_code == 1
    assert "say with --data which data is meant" in done.stderr


def test_evaluate_a_model_that_was_never_compiled(npdl, save):
    done = npdl("evaluate", save(["flatten"], (None, 3), compiled=False), "--data", "blobs")
    assert done.exit_code == 1
    assert "compile the model first" in done.stderr


@pytest.mark.parametrize("command", [["evaluate", "--data", "blobs"], ["predict", "x.npy"], ["summary"]])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a safetensors file"),
        (b"\x80\x04pickle" + bytes(50), "it looks like a pickle"),
        (b"PK\x03\x04" + bytes(50), "it looks like a zip archive"),
    ],
)
def test_a_file_that_is_no_model(npdl, tmp_path, command, content, message):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    done = npdl(command[0], path, *command[1:])
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: bad.safetensors: ")
    assert message in done.stderr
    assert npdl(command[0], tmp_path / "gone", *command[1:]).exit_code == 2


# -- predict ---------------------------------------------------------------------------------------------


def read_csv(text):
    rows = list(csv.reader(io.StringIO(text)))
    return rows[0], np.array(rows[1:], float)


def test_predict_writes_csv_that_is_exact(npdl, model, held_out, tmp_path):
    X, _ = held_out
    np.save(tmp_path / "x.npy", X)
    done = npdl("predict", model, tmp_path / "x.npy")
    assert done.exit_code == 0, done.output
    head, table = read_csv(done.stdout)
    assert head == ["0", "1", "2"]
    assert np.array_equal(table.astype("float32"), npdl_core.load(model).predict(X))


@pytest.mark.parametrize("suffix", ["csv", "npy", "npz"])
def test_predict_into_a_file(npdl, model, held_out, tmp_path, suffix):
    X, _ = held_out
    np.save(tmp_path / "x.npy", X)
    out = tmp_path / f"y.{suffix}"
    done = npdl("predict", model, tmp_path / "x.npy", "-o", out)
    assert (done.exit_code, done.stdout) == (0, "")
    if suffix == "csv":
        found = read_csv(out.read_text())[1].astype("float32")
    else:
        found = np.load(out)
        if suffix == "npz":
            with found as archive:
                found = archive["output"]
    assert np.array_equal(found, npdl_core.load(model).predict(X))


def test_predict_from_csv_with_and_without_header(npdl, model, held_out, tmp_path):
    X, _ = held_out
    rows = "\n".join(",".join(map(str, row)) for row in X)
    (tmp_path / "plain.csv").write_text(rows)
    (tmp_path / "head.csv").write_text("a,b,c\n" + rows + "\n\n")
    outputs = [npdl("predict", model, tmp_path / name).stdout for name in ("plain.csv", "head.csv")]
    assert outputs[0] == outputs[1]
    assert np.array_equal(read_csv(outputs[0])[1].astype("float32"), npdl_core.load(model).predict(X))


def test_predict_classes(npdl, model, held_out, tmp_path, save):
    X, _ = held_out
    np.save(tmp_path / "x.npy", X)
    done = npdl("predict", model, tmp_path / "x.npy", "--classes")
    _, table = read_csv(done.stdout)
    assert np.array_equal(table[:, 0], npdl_core.load(model).predict(X).argmax(axis=1))
    path = save([{"name": "linear", "config": {"n_out": 1, "init": "ones"}}], (None, 1))
    np.save(tmp_path / "one.npy", np.array([[0.4], [0.6]]))
    assert npdl("predict", path, tmp_path / "one.npy", "--classes").stdout == "output\n0\n1\n"


def test_predict_brings_rows_into_the_models_shape(npdl, save, tmp_path):
    path = save(["flatten"], (None, 2, 3))
    (tmp_path / "x.csv").write_text("1,2,3,4,5,6\n")
    done = npdl("predict", path, tmp_path / "x.csv")
    assert done.stdout == "0,1,2,3,4,5\n1.0,2.0,3.0,4.0,5.0,6.0\n"
    (tmp_path / "x.csv").write_text("1,2,3,4,5\n")
    done = npdl("predict", path, tmp_path / "x.csv")
    assert done.exit_code == 1
    assert "shape" in done.stderr


def test_predict_takes_ids(npdl, save, tmp_path):
    path = save([{"name": "embedding", "config": {"input_size": 4, "n_out": 2}}, "flatten"], (None, 3))
    (tmp_path / "x.csv").write_text("0,1,3\n")
    done = npdl("predict", path, tmp_path / "x.csv")
    assert done.exit_code == 0, done.output
    assert read_csv(done.stdout)[1].shape == (1, 6)


def test_predict_with_several_inputs_and_outputs(npdl, tmp_path):
    node = {"name": "dense", "config": {"n_out": 2}}
    graph = npdl_core.Graph(
        {"left": [2], "right": [1]},
        {"a": (node, "left"), "b": ("concat", ["a", "right"])},
        ["a", "b"],
        seed=0,
    )
    graph.connect({"left": (None, 2), "right": (None, 1)})
    graph.save(tmp_path / "g.safetensors")
    np.save(tmp_path / "l.npy", np.ones((3, 2)))
    (tmp_path / "r.csv").write_text("1\n2\n3\n")
    inputs = [f"right={tmp_path / 'r.csv'}", f"left={tmp_path / 'l.npy'}"]
    done = npdl("predict", tmp_path / "g.safetensors", *inputs)
    assert done.exit_code == 0, done.output
    head, table = read_csv(done.stdout)
    assert head == ["a_0", "a_1", "b_0", "b_1", "b_2"]
    assert table[:, 4].tolist() == [1, 2, 3]
    done = npdl("predict", tmp_path / "g.safetensors", *inputs, "-o", tmp_path / "o.npz")
    with np.load(tmp_path / "o.npz") as archive:
        assert sorted(archive) == ["a", "b"]
    done = npdl("predict", tmp_path / "g.safetensors", *inputs, "-o", tmp_path / "o.npy")
    assert "an NPY file holds one array" in done.stderr
    for wrong in ([inputs[0]], [*inputs, inputs[0]], [tmp_path / "l.npy"]):
        done = npdl("predict", tmp_path / "g.safetensors", *wrong)
        assert done.exit_code == 2
        assert "this model takes left=FILE right=FILE" in done.stderr


def test_predict_takes_one_file_for_one_input(npdl, model, tmp_path, held_out):
    np.save(tmp_path / "a=b.npy", held_out[0])
    assert npdl("predict", model, tmp_path / "a=b.npy").exit_code == 0
    done = npdl("predict", model, "x.npy", "y.npy")
    assert done.exit_code == 2
    assert "this model takes one FILE" in done.stderr
    graph = npdl_core.Graph({"x": [2]}, {"y": ("flatten", "x")}, "y").connect({"x": (None, 2)})
    graph.save(tmp_path / "g.safetensors")
    (tmp_path / "x.csv").write_text("1,2\n")
    for argument in (tmp_path / "x.csv", f"x={tmp_path / 'x.csv'}"):
        assert npdl("predict", tmp_path / "g.safetensors", argument).stdout == "0,1\n1.0,2.0\n"


def test_predict_outputs_with_a_time_axis_are_no_table(npdl, save, tmp_path):
    path = save([{"name": "dense", "config": {"n_out": 2}}], (None, 4, 3))
    np.save(tmp_path / "x.npy", np.ones((2, 4, 3)))
    done = npdl("predict", path, tmp_path / "x.npy")
    assert done.exit_code == 1
    assert "outputs of shape (2, 4, 2) are no table" in done.stderr
    assert npdl("predict", path, tmp_path / "x.npy", "-o", tmp_path / "y.npy").exit_code == 0
    assert np.load(tmp_path / "y.npy").shape == (2, 4, 2)
    done = npdl("predict", path, tmp_path / "x.npy", "--classes")
    assert read_csv(done.stdout)[1].shape == (2, 4)


def test_predict_a_model_without_parameters(npdl, tmp_path):
    npdl_core.Model(["flatten"]).save(tmp_path / "m.safetensors")
    done = npdl("predict", tmp_path / "m.safetensors", "x.npy")
    assert done.exit_code == 1
    assert "saved before it had parameters" in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.txt", b"", "expected a file that ends in .npy or .csv"),
        ("x.npy", b"PK\x03\x04", "not an NPY file"),
        ("x.npy", b"\x93NUMPY\x01\x00", "not an NPY file of numbers"),
        ("x.npy", None, "not an NPY file of numbers"),
        ("x.csv", b"", "no rows"),
        ("x.csv", b"a,b,c\n", "no rows"),
        ("x.csv", b"1,2,3\n4,5\n", "row 2 has 2 columns, the first has 3"),
        ("x.csv", b"1,2,3\n4,\x1b[31m,6\n", r"expected a finite number, got '\x1b[31m'"),
        ("x.csv", b"1,2,3\na,b,c\n", "expected a finite number, got 'a'"),
        ("x.csv", b"1,2,nan\n", "expected a finite number, got 'nan'"),
        ("x.csv", b"\xff\xfe", "not a CSV file"),
        ("x.csv", b'"' + b"a" * 200_000, "not a CSV file"),
        ("x.csv", b"1,2\n", "shape"),
    ],
)
def test_predict_refuses_an_input(npdl, model, tmp_path, name, content, message):
    path = tmp_path / name
    if content is None:
        np.save(path, np.array([{}], dtype=object))
    else:
        path.write_bytes(content)
    done = npdl("predict", model, path)
    assert done.exit_code == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr


def test_predict_refuses_an_array_that_its_file_does_not_hold(npdl, model, tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000), }"
    header += b" " * (117 - len(header)) + b"\n"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    done = npdl("predict", model, tmp_path / "x.npy")
    assert done.exit_code == 1
    assert "not an NPY file of numbers" in done.stderr


def test_predict_missing_files_and_wrong_outputs(npdl, model, tmp_path):
    done = npdl("predict", model, tmp_path / "gone.npy")
    assert done.exit_code == 1
    assert f"Error: {tmp_path / 'gone.npy'}: No such file or directory" in done.stderr
    done = npdl("predict", model, tmp_path / "gone.npy", "-o", "y.txt")
    assert "expected a file name that ends in .csv, .npy or .npz" in done.stderr
    np.save(tmp_path / "x.npy", np.ones((1, 3)))
    done = npdl("predict", model, tmp_path / "x.npy", "-o", tmp_path / "no" / "y.npy")
    assert done.exit_code == 1
    assert "does not exist; make it first" in done.stderr


# -- summary ---------------------------------------------------------------------------------------------


def test_summary_of_a_model_and_of_its_configuration_agree(npdl, model, config):
    saved, described = npdl("summary", model).stdout, npdl("summary", config()).stdout
    assert saved == described
    assert "0.dense    Dense    (N, 8)        32" in saved
    assert "dtype float32, seed 1" in saved
    assert "loss SoftmaxCategoricalCrossEntropy" in saved
    assert "optimizer SGD(lr=0.1" in saved
    assert "metrics accuracy" in saved


def test_summary_reads_no_data_where_the_model_says_what_it_takes(npdl, config):
    path = config(('"blobs"', '"crash"'), ("n_out = 8", "n_out = 8\nn_in = 3"))
    done = npdl("summary", path)
    assert done.exit_code == 0, done.output
    assert "(N, 8)        32" in done.stdout


def test_summary_of_a_description_without_data(npdl, config):
    done = npdl("summary", config(text='[model]\nseed = 0\nlayers = [{ name = "dense", n_out = 3 }]'))
    assert "not connected yet" in done.stdout
    assert "loss" not in done.stdout


def test_summary_reads_data_where_the_declared_shape_is_not_enough(npdl, config):
    layers = 'name = "embedding"\ninput_size = 5\nn_out = 4\n[[model.layers]]\nname = "flatten"\n'
    path = config(('name = "dense"\n', layers + '[[model.layers]]\nname = "dense"\n'), ('"blobs"', '"words"'))
    done = npdl("summary", path)
    assert done.exit_code == 0, done.output
    assert done.stdout.count("  200\n") == 1


def test_summary_reads_data_where_a_declared_size_varies(npdl, config):
    text = """
    data = "line"
    [model]
    inputs = { x = [-1] }
    outputs = "y"
    nodes = [{ name = "y", layer = { name = "linear", n_out = 7 }, inputs = "x" }]
    """
    done = npdl("summary", config(text=text))
    assert done.exit_code == 0, done.output
    assert "(N, 7)        21" in done.stdout


def test_summary_of_a_graph_with_several_losses(npdl, config, graph):
    done = npdl("summary", config(text=graph))
    assert "loss kind: SoftmaxCategoricalCrossEntropy, total: MeanSquaredError" in done.stdout


def test_summary_settings(npdl, model, config):
    assert "(N, 5)" in npdl("summary", config(), "--set", "model.layers.0.n_out=5").stdout
    done = npdl("summary", model, "--set", "a=1")
    assert done.exit_code == 2
    assert "--set changes a configuration" in done.stderr


def test_summary_of_layers_that_do_not_fit(npdl, config):
    path = config(("n_out = 8", "n_out = 8\nn_in = 4"))
    done = npdl("train", path)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {path}: model: ")
    more = '\n[[model.layers]]\nname = "dense"\nn_out = 2\nn_in = 9'
    done = npdl("summary", config(("n_out = 8", "n_out = 8\nn_in = 3"), ("p = 0.1", f"p = 0.1{more}")))
    assert done.exit_code == 2
    assert "layer 2.dense" in done.stderr


# -- components, describe, plugins, version --------------------------------------------------------------


def test_components_lists_every_name_and_alias(npdl):
    done = npdl("components")
    assert done.exit_code == 0, done.output
    for kind in KINDS:
        for name in registry.names(kind):
            assert name in done.stdout
    assert "toy-data 1.0" in done.stdout
    assert f"npdl-core {npdl_core.__version__}" in done.stdout


def test_components_of_one_kind(npdl):
    done = npdl("components", "optimizer")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0][0] == "optimizers"
    assert "sgd" in [row[0] for row in rows[2:]]
    assert "dense" not in done.stdout
    assert npdl("components", "optimizers").stdout == done.stdout


def test_components_puts_names_of_one_class_into_one_row(npdl, site):
    site.module("names", "class Thing: pass\n")
    site.distribution("names", {"npdl.v1.layers": {"aaa": "names:Thing", "thing": "names:Thing"}})
    registry.refresh()
    (row,) = [
        line.split() for line in npdl("components", "layers").stdout.splitlines() if "names 1.0" in line
    ]
    assert row[:2] == ["thing", "aaa"]
    for alias, name in ALIASES["objectives"].items():
        (row,) = [
            line for line in npdl("components", "objectives").stdout.splitlines() if line.split()[0] == name
        ]
        assert alias in row


def test_components_shows_what_this_process_registered(npdl):
    registry.register("layers", "mine", Mine)
    try:
        assert "mine" in npdl("components", "layers").stdout
    finally:
        registry.unregister("layers", "mine")


def test_components_of_an_unknown_kind(npdl):
    done = npdl("components", "layerz")
    assert done.exit_code == 2
    assert "'layerz' is no kind" in done.stderr
    assert "did you mean 'layers'?" in done.stderr


def test_describe_shows_signature_documentation_and_provider(npdl):
    done = npdl("describe", "blobs")
    assert done.exit_code == 0, done.output
    assert done.stdout == (
        "blobs: dataset of toy-data 1.0, toy_data:Blobs\n\n"
        "blobs(n=120, n_test=30, seed=0, one_hot=False)\n\n"
        "Points around three corners.\n"
    )
    assert "dropout(p=0.0)" in npdl("describe", "Drop-Out").stdout
    assert npdl("describe", "toy_data:BLOBS").stdout == done.stdout


def test_describe_shows_all_kinds_of_a_name_or_one(npdl):
    both = npdl("describe", "softmax").stdout
    assert "softmax: layer of" in both
    assert "softmax: activation of" in both
    one = npdl("describe", "softmax", "--kind", "activation").stdout
    assert "layer of" not in one
    assert one in both


def test_describe_what_has_no_documentation_or_signature(npdl, site):
    methods = "    def forward(self): pass\n    connect_to = backward = forward\n"
    site.module("bare", f"class Bare:\n    __signature__ = 'none'\n{methods}")
    site.distribution("bare", {"npdl.v1.layers": {"bare": "bare:Bare"}})
    registry.refresh()
    assert npdl("describe", "bare").stdout == (
        "bare: layer of bare 1.0, bare:Bare\n\nbare(…)\n\nIt has no documentation.\n"
    )


def test_describe_what_a_hook_registers(npdl, site):
    site.hook(
        "zz-hook",
        """
        class Late:
            "Registered late."
            def forward(self): pass
            connect_to = backward = forward
        @hookimpl
        def npdl_register(registry):
            registry.register("layers", "late", Late)
        """,
    )
    done = npdl("describe", "late")
    assert "late: layer of zz-hook" in done.stdout
    assert "Registered late." in done.stdout


def test_describe_unknown_names(npdl):
    done = npdl("describe", "drpout")
    assert done.exit_code == 2
    assert "no component is called 'drpout'; the closest names are 'dropout'" in done.stderr
    done = npdl("describe", "qqqqqqqqq")
    assert done.exit_code == 2
    assert "closest" not in done.stderr
    assert npdl("describe", "dropout", "--kind", "optimizers").exit_code == 1


def test_describe_what_a_package_has_that_is_not_installed(process, environment):
    child = process("describe", "sunspots", env={**environment, "NPDL_PLUGINS": ""})
    _, err = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "sunspots" in err
    assert "npdl-data" in err


def test_describe_a_broken_component(npdl, site):
    site.distribution("odd", {"npdl.v1.layers": {"odd": "not_there:Odd"}})
    registry.refresh()
    done = npdl("describe", "odd")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: odd 1.0: layer 'odd' (not_there:Odd) cannot be loaded")


def test_plugins_lists_distributions_without_importing_them(npdl, site):
    site.module("slow", "raise RuntimeError('imported')")
    site.distribution("slow", {"npdl.v1.layers": {"slow": "slow:Slow"}}, version="2.5")
    site.distribution("old", {"npdl.v0.layers": {"older": "old:Old"}})
    site.distribution("odd", {"npdl.v1.layers": {"odd": "no target!"}})
    registry.refresh()
    done = npdl("plugins")
    assert done.exit_code == 0, done.output
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if " is " not in line}
    assert rows["slow"] == ["2.5", "v1", "ok", "1", "layer"]
    assert rows["old"][:3] == ["1.0", "v0", "outdated"]
    assert rows["odd"][:3] == ["1.0", "v1", "broken"]
    assert rows["toy-data"] == ["1.0", "v1", "ok", "11", "datasets,", "2", "callbacks"]
    assert "old is outdated: old:older speaks version 0, not 1" in done.stdout
    assert "slow" not in sys.modules


def test_plugins_check_imports_everything_and_fails_if_something_is_broken(npdl, site):
    assert npdl("plugins", "--check", "toy-data").exit_code == 0
    site.module("slow", "raise RuntimeError('imported \\x1b[31m')")
    site.distribution("slow", {"npdl.v1.layers": {"slow": "slow:Slow"}})
    registry.refresh()
    done = npdl("plugins", "--check")
    assert done.exit_code == 1
    assert "slow is broken: slow 1.0: layer 'slow' (slow:Slow) cannot be loaded: RuntimeError" in done.stdout
    assert "\x1b" not in done.stdout
    assert npdl("plugins", "--check", "toy-data").exit_code == 0


def test_plugins_names_those_that_are_asked_for(npdl):
    assert "toy-data" in npdl("plugins", "Toy_Data").stdout
    done = npdl("plugins", "toy-dat")
    assert done.exit_code == 2
    assert (
        "'toy-dat' is no installed distribution with npdl entry points; did you mean 'toy-data'?"
        in done.stderr
    )


def test_plugins_that_are_disabled_are_not_imported_by_check(process, environment):
    child = process("plugins", "--check", "toy-data", env={**environment, "NPDL_DISABLE_PLUGINS": "toy-data"})
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "disabled" in out
    assert "NPDL_DISABLE_PLUGINS" in out


def test_plugins_where_there_are_none(npdl, monkeypatch):
    monkeypatch.setattr(registry, "plugins", list)
    assert npdl("plugins").stdout == "no plugins are installed\n"


def test_plugins_lists_what_this_process_registered(npdl):
    registry.register("layers", "mine", Mine)
    try:
        assert "local" in npdl("plugins", "--check").stdout
    finally:
        registry.unregister("layers", "mine")


def test_version(npdl):
    rows = dict(line.split() for line in npdl("version").stdout.splitlines())
    assert rows["npdl-core"] == npdl_core.__version__
    assert rows["numpy"] == np.__version__
    assert rows["toy-data"] == "1.0"
    assert {"npdl-cli", "python"} < set(rows)


def test_every_core_component_can_be_described(npdl):
    for kind, names in BUILTIN.items():
        for name in names:
            done = npdl("describe", name, "--kind", kind)
            assert done.exit_code == 0, done.output
