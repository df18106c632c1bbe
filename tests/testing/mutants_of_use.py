"""Layers with a defect that shows in use: inference, threads, reuse, a model's buffer, copies, masks."""

import collections
import threading
import time

import numpy as np
from right_layers import Affine, Carry, Centred, Fast, Gated, Lookup, Noisy, Scan, collector

from npdl_core.errors import ConfigError
from npdl_core.layers import Layer

NOISE = np.random.default_rng(0)
SHARED = {}
MUTANTS, breaks = collector()


# -- inference -----------------------------------------------------------------------------------------------


@breaks("inference_writes_nothing")
class KeepsLastInput(Affine):
    def forward(self, input, train=True):
        self.last = input
        return super().forward(input, train)


@breaks("inference_writes_nothing")
class RetainsAlways(Affine):
    def forward(self, input, train=True):
        self.retain(input)
        return super().forward(input, train)


@breaks("inference_writes_nothing")
class CountsCalls(Affine):
    def forward(self, input, train=True):
        self.counter = getattr(self, "counter", None) or collections.Counter()
        self.counter["calls"] += 1
        return super().forward(input, train)


@breaks("inference_writes_nothing")
class WorksInBuffers(Affine):
    def forward(self, input, train=True):
        out = self.work_array("out", (*input.shape[:-1], self.n_out))
        out[...] = super().forward(input, train)
        return out


@breaks("inference_writes_nothing")
class DrawsAtInference(Noisy):
    def forward(self, input, train=True):
        self.rng.random()
        return super().forward(input, train)


@breaks("inference_returns_fresh_arrays")
class SharesBuffers(Affine):
    def forward(self, input, train=True):
        y = super().forward(input, train)
        if train:
            return y
        out = SHARED.setdefault(("out", y.shape, y.dtype.str), y)
        out[...] = y
        return out


@breaks("inference_returns_fresh_arrays", input_shape=(None, 5))
class HandsOutParameters(Layer):
    def connect_to(self, prev_layer=None):
        shape = self.incoming_shape(prev_layer)
        self.add_param("W", (1, 4))
        self.out_shape = (shape[0], 4)

    def forward(self, input, train=True):
        if train:
            self.retain(input.shape)
            return np.repeat(self.W, len(input), axis=0)
        return np.broadcast_to(self.W, (len(input), 4))

    def backward(self, pre_grad):
        (shape,) = self.retained()
        self.dW = pre_grad.sum(axis=0, keepdims=True)
        return np.zeros(shape, pre_grad.dtype)


@breaks("inference_is_deterministic")
class NoisyInference(Affine):
    def forward(self, input, train=True):
        y = super().forward(input, train)
        return y if train else y + NOISE.normal(0, 1e-6, y.shape).astype(y.dtype)


@breaks("inference_in_threads")
class SharesScratch(Affine):
    def forward(self, input, train=True):
        y = super().forward(input, train)
        if train:
            return y
        scratch = SHARED.setdefault(("scratch", y.shape, y.dtype.str), np.empty_like(y))
        scratch[...] = y
        time.sleep(0.0005)
        return scratch.copy()


@breaks("inference_in_threads")
class MainThreadOnly(Affine):
    def forward(self, input, train=True):
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("wrong thread")
        return super().forward(input, train)


@breaks("carried_state_can_be_forgotten_and_restored")
class ForgetsNothing(Carry):
    def forget(self):
        pass


@breaks("carried_state_can_be_forgotten_and_restored")
class HandsOutItsState(Carry):
    def forward(self, input, train=True):
        before = self.state
        y = super().forward(input, train)
        if before is not None:
            before[...] = self.state
            self.state = before
        return y

    def get_state(self):
        return self.state


@breaks("carried_state_can_be_forgotten_and_restored")
class RestoresHalf(Carry):
    def set_state(self, state):
        self.state = state / 2


@breaks("batch_equals_one_by_one")
class NormalisesTheBatch(Affine):
    def forward(self, input, train=True):
        y = super().forward(input, train)
        return y if train or not len(y) else y - y.mean(axis=0)


@breaks("batch_equals_one_by_one")
class SecretlyCentred(Centred):
    per_sample = True


@breaks("any_memory_layout")
class ReadsMemoryOrder(Affine):
    def forward(self, input, train=True):
        if train:
            self.retain(input)
        flat = input.ravel(order="K").reshape(-1, input.shape[-1])
        return self.scale * (flat @ self.W + self.b).reshape(*input.shape[:-1], self.n_out)


@breaks("any_memory_layout")
class GradientInMemoryOrder(Affine):
    def backward(self, pre_grad):
        return super().backward(pre_grad.ravel(order="K").reshape(pre_grad.shape))


# -- training ------------------------------------------------------------------------------------------------


@breaks("parameters_are_not_modified")
class Renormalises(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        self.W /= np.linalg.norm(self.W)
        return back


@breaks("outputs_stay_valid")
class ReusesOutput(Fast):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        self.work_array("out", pre_grad.shape)[...] = 0
        return back


@breaks("outputs_stay_valid")
class SharesOutputs(Affine):
    def forward(self, input, train=True):
        y = super().forward(input, train)
        if not train:
            return y
        out = SHARED.setdefault(("training", y.shape, y.dtype.str), np.empty_like(y))
        out[...] = y
        return out


@breaks("outputs_stay_valid")
class SharesInputGradients(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        out = SHARED.setdefault(("back", back.shape, back.dtype.str), np.empty_like(back))
        out[...] = back
        return out


@breaks("training_survives_inference")
class SharesResiduals(Affine):
    def forward(self, input, train=True):
        SHARED["residuals", self.dtype.str] = input
        return super().forward(input, train)

    def retained(self):
        return (SHARED["residuals", self.dtype.str],)


@breaks("layers_do_not_share_state")
class SharesTrainingResiduals(Affine):
    def retain(self, *values):
        SHARED["training residuals"] = values

    def retained(self):
        return SHARED["training residuals"]


@breaks("residuals_can_be_kept")
class KeepsResidualsItself(Affine):
    def retain(self, *values):
        self.kept = values

    def retained(self):
        return self.kept


@breaks("residuals_can_be_kept")
class OneOutputArray(Affine):
    def forward(self, input, train=True):
        y = super().forward(input, train)
        if not train:
            return y
        if not hasattr(self, "out") or self.out.size < 100:
            self.out = np.empty(10_000, self.dtype)
        out = self.out[: y.size].reshape(y.shape)
        out[...] = y
        return out


# -- storage -------------------------------------------------------------------------------------------------


@breaks("ids_of_any_integer_type")
class OverflowsSmallIds(Lookup):
    def forward(self, input, train=True):
        y = super().forward(input, train)
        return y + (input * input.dtype.type(100) > 250)[..., None]


@breaks("reads_its_parameters_from_the_store")
class RemembersParameters(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self._weights = self.W

    def forward(self, input, train=True):
        if train:
            self.retain(input)
        return self.scale * (input @ self._weights + self.b)


@breaks("reads_its_parameters_from_the_store")
class RemembersGradients(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self._gradient = self.db

    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        self._gradient[...] = self.db
        if self._parameters["b"].store is not None:
            self.db = np.zeros(self.n_out)
        return back


@breaks("reads_its_parameters_from_the_store")
class LeavesTheStore(Affine):
    def backward(self, pre_grad):
        parameter = self._parameters["b"]
        if parameter.store is not None:
            parameter.grad = np.zeros_like(parameter.grad)
            self.set_slot("db", parameter.grad)
        return super().backward(pre_grad)


@breaks("replica_shares_parameters")
class CopiesWhatIsShared(Affine):
    def set_slot(self, name, array):
        shared = name == "W" and "W" in self._slots and array.base.size == array.size
        super().set_slot(name, array.copy() if shared else array)


@breaks("replica_shares_parameters")
class WritesEveryGradient(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        SHARED.setdefault("gradients", []).append(self._parameters["b"])

    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        value = self._parameters["b"].value
        for parameter in SHARED["gradients"]:
            if parameter.value is value:
                parameter.grad[...] = 1 + self.db if parameter.layer is not self else self.db
        return back


@breaks("copies_are_equal_and_apart")
class CopiesToItself(Affine):
    def __deepcopy__(self, memo):
        return self


@breaks("copies_are_equal_and_apart")
class ForgetsWeights(Affine):
    def __deepcopy__(self, memo):
        return self.clone().connect(self.in_shape)


@breaks("copies_are_equal_and_apart")
class ClonesToItself(Affine):
    def clone(self):
        return self


@breaks("copies_are_equal_and_apart")
class ClonesConnected(Affine):
    def clone(self):
        return super().clone().connect(self.in_shape)


@breaks("copies_are_equal_and_apart")
class ClonesToSingle(Affine):
    def clone(self):
        clone = super().clone()
        clone.dtype = "float32"
        return clone


@breaks("copies_are_equal_and_apart")
class ClonesAnother(Affine):
    def clone(self):
        return Affine(self.n_out, self.scale)


@breaks("copies_are_equal_and_apart")
class ForgetsOnPickling(Affine):
    def __deepcopy__(self, memo):
        return super().__reduce__()[0](*super().__reduce__()[1])

    def __reduce__(self):
        rebuild, (cls, config, state) = super().__reduce__()
        return rebuild, (cls, {**config, "scale": 1.0}, state)


@breaks("json_makes_an_equal_layer", config={"sizes": (3,)})
class TellsTuplesFromLists(Affine):
    def __init__(self, sizes=(3,)):
        super().__init__(sizes[0], 1.0 if isinstance(sizes, tuple) else 2.0)


@breaks("json_makes_an_equal_layer", config={"sizes": (3,)}, input_shape=(None, 5))
class OtherSizesFromLists(Affine):
    def __init__(self, sizes=(3,)):
        super().__init__(sizes[0] + isinstance(sizes, list))


# -- masks ---------------------------------------------------------------------------------------------------


@breaks("compute_mask_is_pure")
class WritesMask(Scan):
    def compute_mask(self, input, mask):
        if mask is not None:
            mask[:, 0] = False
        return mask


@breaks("compute_mask_is_pure")
class WritesInputForMask(Scan):
    def compute_mask(self, input, mask):
        if mask is not None:
            input[0, 0] = 0
        return mask


@breaks("compute_mask_is_pure")
class FloatMask(Scan):
    def compute_mask(self, input, mask):
        return None if mask is None else mask.astype(float)


@breaks("compute_mask_is_pure", input_shape=(None, 4, 5))
class TransposedMask(Scan):
    def compute_mask(self, input, mask):
        return None if mask is None else mask.T.copy()


@breaks("compute_mask_is_pure")
class MaskEverySecondTime(Scan):
    asked = 0

    def compute_mask(self, input, mask):
        self.asked += 1
        return mask if self.asked % 2 else None


@breaks("compute_mask_is_pure")
class GrowingMask(Scan):
    asked = 0

    def compute_mask(self, input, mask):
        self.asked += 1
        return None if mask is None else mask & (np.arange(mask.shape[1]) > self.asked)


@breaks("a_full_mask_changes_nothing")
class RefusesMasks(Scan):
    def forward(self, input, train=True, *, mask=None):
        if mask is not None:
            raise ConfigError("not today")
        return super().forward(input, train)


@breaks("a_full_mask_changes_nothing")
class CountsOneMore(Gated):
    def weights(self, input, mask):
        weights = super().weights(input, mask)
        return weights if mask is None else weights * input.dtype.type(0.5)


@breaks("masked_gradients")
class SpreadsEvenly(Gated):
    def forward(self, input, train=True, *, mask=None):
        y = super().forward(input, train, mask=mask)
        if train:
            self.retain(super().weights(input, None))
        return y


@breaks("masked_steps_have_no_influence")
class CountsMaskedSteps(Gated):
    def weights(self, input, mask):
        return super().weights(input, None)


@breaks("masked_steps_have_no_influence")
class MultipliesMaskedSteps(Gated):
    def forward(self, input, train=True, *, mask=None):
        weights = self.weights(input, mask)
        if train:
            self.retain(weights)
        return (input * weights).sum(axis=1)


@breaks("masked_steps_have_no_influence")
class CountsAtInference(Gated):
    def forward(self, input, train=True, *, mask=None):
        return super().forward(input, train, mask=mask if train else None)


@breaks("masked_steps_have_no_influence")
class AveragesMaskedSteps(Gated):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self.add_param("mean", (1,), "zero", trainable=False)

    def forward(self, input, train=True, *, mask=None):
        if train and input.size:
            self.mean = input.mean(keepdims=True).reshape(1)
        return super().forward(input, train, mask=mask)


@breaks("masked_steps_get_no_gradient")
class LeaksGradient(Scan):
    def backward(self, pre_grad):
        (real,) = self.retained()
        return super().backward(pre_grad) + np.where(real[..., None], 0, 1e-12).astype(pre_grad.dtype)


@breaks("trailing_padding_is_as_if_not_there")
class KnowsTheLength(Scan):
    def forward(self, input, train=True, *, mask=None):
        return super().forward(input, train, mask=mask) / input.dtype.type(input.shape[1])

    def backward(self, pre_grad):
        return super().backward(pre_grad) / pre_grad.dtype.type(pre_grad.shape[1])


@breaks("a_wholly_masked_sample_is_harmless")
class DividesByZero(Gated):
    def weights(self, input, mask):
        weights = super().weights(input, mask)
        none = np.zeros(len(input), bool) if mask is None else ~mask.any(axis=1)
        return np.where(none[:, None, None], np.nan, weights).astype(input.dtype)


@breaks("a_wholly_masked_sample_is_harmless")
class EmptySampleSpoilsOthers(Gated):
    def weights(self, input, mask):
        weights = super().weights(input, mask)
        return weights if mask is None or mask.any(axis=1).all() else 2 * weights
