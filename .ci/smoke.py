"""Installed wheels, far from the checkout: find components, train by names, save, load, predict the same."""

import numpy as np

import npdl_core as npdl
from npdl_core.builtin import KINDS

for kind in KINDS:
    print(f"{kind}: {len(npdl.registry.names(kind))} names")

rng = np.random.default_rng(0)
x = rng.standard_normal((256, 8), dtype=np.float32)
y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)

model = npdl.Model(seed=1)
model.add("dense", n_out=32, activation="relu", init="glorot_uniform")
model.add("softmax", n_out=2)
model.compile(loss="scce", optimizer={"name": "sgd", "config": {"lr": 0.5}}, metrics=["accuracy"])
history = model.fit(x, y, epochs=40, batch_size=32)
first, last = history.history["loss"][0], history.history["loss"][-1]
print(f"loss {first:.3f} -> {last:.3f}")
assert last < 0.5 * first, "the model does not learn"

before = model.predict(x)
model.save("model.safetensors")
assert np.array_equal(npdl.load("model.safetensors").predict(x), before), (
    "the loaded model predicts something else"
)
print("smoke test passed")
