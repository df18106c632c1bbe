"""Back-propagation through two inputs, two hidden and two output units, step by step; biases stay.

    python examples/numpydl/mlp_bp.py

Result, by record.py mlp_bp:

    main: step 10000: error 0.0000351019, outputs [0.01591362 0.98406427]
"""

import numpy as np

import npdl


def main(max_iter=10000):
    npdl.utils.random.set_dtype("float64")
    x, target = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])
    hidden = npdl.layers.Dense(2, n_in=2, init=np.array([[0.15, 0.25], [0.20, 0.30]]), activation="sigmoid")
    output = npdl.layers.Dense(2, init=np.array([[0.40, 0.50], [0.45, 0.55]]), activation="sigmoid")
    hidden.connect_to()
    output.connect_to(hidden)
    hidden.b[:] = 0.35
    output.b[:] = 0.60
    loss, optimizer = npdl.objectives.MSE(), npdl.optimizers.SGD(lr=0.5)

    for step in range(max_iter + 1):
        outputs = output.forward(hidden.forward(x))
        if step in (0, 1, max_iter):
            print(f"step {step}: error {loss.forward(outputs, target):.10f}, outputs {outputs[0].round(9)}")
        hidden.backward(output.backward(loss.backward(outputs, target)))
        optimizer.update([hidden.W, output.W], [hidden.dW, output.dW])
    npdl.utils.random.set_dtype("float32")


if __name__ == "__main__":
    main()
