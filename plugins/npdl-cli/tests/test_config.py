"""Mistakes in configurations: each names the file, the key, what came, what is expected, the closest name."""

import pytest

DENSE = 'name = "dense"'
LOSS = '"softmax_categorical_cross_entropy"'
GRAPH = """
[data]
name = "line"
[model]
inputs = "x"
outputs = "y"
[[model.nodes]]
name = "y"
layer = { name = "linear", n_out = 1 }
inputs = "x"
[compile]
loss = "mse"
optimizer = "sgd"
[fit]
epochs = 1
"""

MISTAKES = {
    # what a file may hold at all
    "no toml": (("[data]", "[data"), ["not valid TOML", "line 2"]),
    "twice": (("[data]", "[data]\n[data]"), ["not valid TOML"]),
    "nan": (("lr = 0.1", "lr = nan"), ["compile.optimizer.lr: expected a finite number, got nan"]),
    "infinity": (("p = 0.1", "p = [-inf]"), ["model.layers[1].p[0]: expected a finite number, got -inf"]),
    "a date": (("seed = 1", "seed = 1979-05-27"), ["model.seed: no setting is a date, got 1979-05-27"]),
    "huge": (("seed = 1", "seed = 0x" + "f" * 17), ["model.seed: expected an integer of at most 64 bits"]),
    # tables and keys
    "table": (("[fit]", "[fitt]"), [": fitt: unknown key; the tables are data, ", "did you mean fit?"]),
    "no data": (("[data]", "[output]"), [": data: missing"]),
    "missing table": (("[compile]", "[model.compile]"), [": compile: missing"]),
    "key": (("epochs", "epoch"), ["fit.epoch: unknown key; fit takes epochs", "did you mean epochs?"]),
    "odd key": (("epochs", '"\\u001b[31m\\u202e"'), [r"fit.'\x1b[31m\u202e': unknown key"]),
    "no layers": (('[[model.layers]]\nname = "dense"', "[model.dense]"), ["model.dense: unknown key"]),
    "empty": (("seed = 1", "seed = 1\nlayers = []"), ["not valid TOML"]),
    # components
    "no name": (((DENSE + "\n"), ""), ["model.layers[0].name: missing"]),
    "name": ((DENSE, 'name = "densse"'), ["model.layers[0].name: unknown layer 'densse'", "'dense'"]),
    "name type": ((DENSE, "name = 3"), ["model.layers[0].name: expected a string, got 3 (a number)"]),
    "a path": ((DENSE, 'name = "os.system"'), ["model.layers[0].name: unknown layer 'os.system'"]),
    "kind": ((DENSE, 'name = "sgd"'), ["model.layers[0].name: unknown layer 'sgd'"]),
    "argument": (("n_out = 8", "n_outt = 8"), ["model.layers[0].n_outt: ", "did you mean 'n_out'?"]),
    "missing argument": (("n_out = 8\n", ""), ["model.layers[0]: layer 'dense': missing 'n_out'"]),
    "value": (
        ("n_out = 8", "n_out = -8"),
        ["model.layers[0].n_out: n_out must be an integer at least 1, got -8 (int)"],
    ),
    "type": (("n_out = 8", 'n_out = "8"'), ["model.layers[0].n_out: n_out must be an integer", "'8' (str)"]),
    "boolean": (("n_out = 8", "n_out = true"), ["model.layers[0].n_out: ", "got True (bool)"]),
    "a name in a component": (
        ('activation = "tanh"', 'activation = "tanhh"'),
        ["model.layers[0].activation: unknown activation 'tanhh'", "'tanh'"],
    ),
    "a table in a component": (
        ('activation = "tanh"', 'init = { name = "uniform", scal = 1 }'),
        ["model.layers[0].init.scal: initializer 'uniform': unknown argument 'scal'", "'scale'"],
    ),
    "a table's name": (
        ('activation = "tanh"', 'init = { name = "unifrm" }'),
        ["model.layers[0].init", "unknown initializer 'unifrm'", "'uniform'"],
    ),
    "beside a table in a component": (
        ("n_out = 8", 'init = { name = "uniform" }\nn_out = 0'),
        ["model.layers[0].n_out: n_out must be an integer at least 1, got 0"],
    ),
    "a table in a table of a component": (
        (
            DENSE,
            'name = "residual"\n'
            'layer = { name = "dense", n_out = 3, init = { name = "uniform", scale = "x" } }\n'
            '[[model.layers]]\nname = "dense"',
        ),
        ["model.layers[0].layer.init.scale: scale must be a finite number"],
    ),
    "a table in an array of a component": (
        ('"blobs"', '"blobs"\nn = [1, [{ name = "densee" }]]\nunknown = 1'),
        ["data.unknown: dataset 'blobs': unknown argument 'unknown'"],
    ),
    "not installed": (
        (DENSE, 'name = "npdl-nowhere:dense"'),
        ["model.layers[0].name: ", "distribution 'npdl-nowhere' is not installed"],
    ),
    "neither": (("optimizer = {", "optimizer = [] #"), ["compile.optimizer: expected a name, or a table"]),
    "data": (('"blobs"', '"blobz"'), ["data.name: unknown dataset 'blobz'", "'blobs'"]),
    "data value": (('"blobs"', '"blobs"\nn = 13'), ["data: ", "RuntimeError: unlucky"]),
    # model
    "seed": (("seed = 1", "seed = -1"), ["model.seed: seed must be an integer at least 0, got -1"]),
    "dtype": (("seed = 1", 'dtype = "float16"'), ["model.dtype: dtype must be one of 'float32', 'float64'"]),
    "both": (("seed = 1", 'inputs = "x"'), ["model: it has layers, a chain, and inputs, of a graph"]),
    "too large": (
        ("seed = 1", "max_parameters = 10"),
        ["model: ", "layer 0.dense", "24 numbers"],
    ),
    "enormous": (("n_out = 8", "n_out = 1000000000000"), ["model: ", "layer 0.dense", "allowed"]),
    # compile
    "loss": ((f"loss = {LOSS}", 'loss = "mmse"'), ["compile.loss: unknown objective 'mmse'", "'mse'"]),
    "no loss": ((f"loss = {LOSS}", ""), ["compile.loss: missing"]),
    "losses": (
        (f"loss = {LOSS}", 'loss = { a = "mse" }'),
        ["compile: this model has one output; give one loss"],
    ),
    "metrics": (('["accuracy"]', '["acuracy"]'), ["compile.metrics[0]: unknown metric 'acuracy'"]),
    "metrics type": (('["accuracy"]', "3"), ["compile.metrics: expected an array, got 3"]),
    "weights": (
        ('["accuracy"]', '["accuracy"]\nloss_weights = { x = "a" }'),
        ["compile.loss_weights.x: x must be a finite number"],
    ),
    # fit
    "epochs": (("epochs = 4", 'epochs = "many"'), ["fit.epochs: epochs must be an integer", "'many'"]),
    "batch": (("batch_size = 16", "batch_size = 0"), ["fit.batch_size: ", "at least 1, got 0"]),
    "split": (("split = 0.2", "split = 1"), ["fit.validation_split: ", "below 1, got 1"]),
    "shuffle": (("epochs = 4", 'shuffle = "no"'), ["fit.shuffle: shuffle must be True or False"]),
    "two names": (("epochs = 4", "epochs = 4\nmax_iter = 5"), ["fit.max_iter: this is another name"]),
    "callback": (
        ("epochs = 4", 'callbacks = ["early_stoping"]'),
        ["fit.callbacks[0]: unknown callback 'early_stoping'", "'early_stopping'"],
    ),
    "callback value": (
        ("epochs = 4", 'callbacks = [{ name = "early_stopping", patience = "x" }]'),
        ["fit.callbacks[0].patience: patience must be an integer"],
    ),
    "checkpoints": (
        ("epochs = 4", 'callbacks = ["model_checkpoint", "model_checkpoint"]'),
        ["fit.callbacks: more than one model_checkpoint"],
    ),
    # output
    "output": (("[fit]", '[output]\nfoldr = "x"\n[fit]'), ["output.foldr: ", "did you mean folder?"]),
    "folder": (("[fit]", "[output]\nfolder = 3\n[fit]"), ["output.folder: expected a string, got 3"]),
    "history": (
        ("[fit]", '[output]\nhistory = "h.txt"\n[fit]'),
        ["output.history: expected a file name that ends in .json or .csv, got 'h.txt' (a string)"],
    ),
    "histories": (("[fit]", "[output]\nhistory = 3\n[fit]"), ["output.history: expected an array, got 3"]),
}

GRAPH_MISTAKES = {
    "no nodes": (("outputs", "#outputs"), ["model.outputs: missing"]),
    "node": (('inputs = "x"\n[compile]', "[compile]"), ["model.nodes[0].inputs: missing"]),
    "unknown source": (('inputs = "x"\n[compile]', 'inputs = "z"\n[compile]'), ["model: ", "'z'"]),
    "twice": (
        ("[compile]", '[[model.nodes]]\nname = "y"\nlayer = "identity"\ninputs = "x"\n[compile]'),
        ["model.nodes[1].name: this name is taken"],
    ),
    "ref": (
        ('{ name = "linear", n_out = 1 }', '{ ref = "z" }'),
        ["model.nodes[0].layer.ref: names no node before it, got 'z'"],
    ),
    "layer": (('"linear"', '"liner"'), ["model.nodes[0].layer.name: unknown layer 'liner'"]),
    "shape": (
        ('inputs = "x"\nout', "inputs = { x = [2.5] }\nout"),
        ["model.inputs.x[0]: 0 must be an integer"],
    ),
    "shape type": (('inputs = "x"\nout', "inputs = { x = 2 }\nout"), ["model.inputs.x: expected an array"]),
    "outputs": (('outputs = "y"', "outputs = 3"), ["model.outputs: expected an array, got 3"]),
}


def check_refused(npdl, path, fragments):
    done = npdl("train", path)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    message = done.stderr
    assert message.startswith(f"Error: {path}: "), message
    assert message.count("\n") == 1
    for fragment in fragments:
        assert fragment in message
    assert not (path.parent / "runs").exists()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_message_and_exit_code_2(npdl, config, mistake):
    pair, fragments = MISTAKES[mistake]
    check_refused(npdl, config(pair), fragments)


@pytest.mark.parametrize("mistake", GRAPH_MISTAKES)
def test_a_mistake_in_a_graph(npdl, config, mistake):
    pair, fragments = GRAPH_MISTAKES[mistake]
    check_refused(npdl, config(pair, text=GRAPH), fragments)


def test_the_graph_of_these_mistakes_is_right(npdl, config):
    assert npdl("train", config(text=GRAPH)).exit_code == 0


@pytest.mark.parametrize("table", ["data", "model", "compile"])
def test_a_missing_table(npdl, tmp_path, table):
    path = tmp_path / "x.toml"
    texts = {
        "data": '[data]\nname = "blobs"',
        "model": '[model]\nlayers = [{ name = "softmax", n_out = 3 }]',
        "compile": '[compile]\nloss = "scce"\noptimizer = "sgd"',
    }
    path.write_text("\n".join(text for key, text in texts.items() if key != table))
    check_refused(npdl, path, [f": {table}: missing"])


def test_an_empty_chain_and_no_chain(npdl, config):
    check_refused(
        npdl, config(text="[data]\nname='blobs'\n[compile]\n[model]\nlayers = []"), ["at least one layer"]
    )
    check_refused(npdl, config(text="[data]\nname='blobs'\n[compile]\n[model]\nseed = 1"), ["missing layers"])


def test_tables_that_are_none(npdl, config):
    check_refused(
        npdl, config(text='data = 3\nmodel = "x"\ncompile = 1'), ["data: expected a name, or a table"]
    )
    check_refused(npdl, config(("[fit]", "[output]"), text=GRAPH), ["output.epochs: unknown key"])
    check_refused(npdl, config(text='data = "blobs"\nmodel = "x"\ncompile = 1'), ["model: expected a table"])


def test_a_model_of_names_only_and_data_by_its_name(npdl, config):
    text = 'data = "blobs"\nmodel = { layers = ["flatten", { name = "softmax", n_out = 3 }] }\n'
    done = npdl(
        "train", config(text=text + '[compile]\nloss = "scce"\noptimizer = "sgd"\n[fit]\nepochs = 1\n')
    )
    assert done.exit_code == 0, done.output


def test_a_file_that_is_no_text(npdl, tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe\x00")
    check_refused(npdl, path, ["not UTF-8 text"])


def test_a_file_that_is_not_there(npdl, tmp_path):
    done = npdl("train", tmp_path / "x.toml")
    assert done.exit_code == 2
    assert "does not exist" in done.stderr


def test_a_file_that_cannot_be_read(npdl, config, monkeypatch):
    from pathlib import Path

    path = config()

    def refused(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    done = npdl("train", path)
    assert done.exit_code == 2
    assert "cannot be read: Permission denied" in done.stderr


def test_a_plugin_that_is_not_allowed(process, config, environment):
    child = process("train", config(), env={**environment, "NPDL_DISABLE_PLUGINS": "toy-data"})
    _, err = child.communicate(timeout=60)
    assert child.returncode == 2
    assert "data.name: toy-data 1.0" in err
    assert "is not allowed: the environment variable NPDL_DISABLE_PLUGINS lists it" in err
