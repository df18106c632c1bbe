"""
Forecasting sunspots
====================

An LSTM reads two solar cycles and forecasts the year that follows; then it goes on from its own forecasts.
"""

# %%
# Windows of 22 years, and the year after each. The last tenth of the years is held out.

import matplotlib.pyplot as plt
import numpy as np

from npdl_core import Model, registry

data = registry.get("datasets", "sunspots", window=22)
(X, Y), (X_test, Y_test) = data.load()

model = Model(seed=0)
model.add("lstm", n_out=32)
model.add("linear", n_out=1)
model.compile("mse", {"name": "adam", "config": {"lr": 0.01, "clip_norm": 1.0}})
history = model.fit(X, Y, epochs=60, batch_size=32)

# %%
# One year ahead, it beats the forecast that next year will be like this one.

forecast = data.scaling.inverse(model.predict(X_test)[:, 0])
truth = data.scaling.inverse(Y_test[:, 0])
same = data.scaling.inverse(X_test[:, -1, 0])
error = {name: float(np.abs(guess - truth).mean()) for name, guess in (("LSTM", forecast), ("same", same))}
print({name: round(value, 1) for name, value in error.items()})

# %%
# Further ahead, each forecast becomes input: the state is carried, so every year is read once.

lstm = model.layers[0]
lstm.remember_mode("eval")
model.connect((None, None, 1))
years = [model.predict(X_test[:1])]
for _ in range(len(X_test) - 1):
    years.append(model.predict(years[-1][:, None]))
lstm.forget()
dreamt = data.scaling.inverse(np.concatenate(years)[:, 0])

fig, ax = plt.subplots(figsize=(7, 3.5))
when = np.arange(2009 - len(truth), 2009)
ax.plot(when, truth, "k", label="observed")
ax.plot(when, forecast, label="one year ahead")
ax.plot(when, dreamt, "--", label="from its own forecasts")
ax.set_ylabel("sunspots")
ax.legend(frameon=False)
fig.tight_layout()
