"""Layers with a defect in a single training step: shapes, arguments, gradients."""

import numpy as np
from right_layers import Affine, Lookup, Noisy, Reads, Weighted, collector

NOISE = np.random.default_rng(0)
MUTANTS, breaks = collector()


# -- shapes --------------------------------------------------------------------------------------------------


@breaks("connects", input_shape=(None, 5))
class NoOutShape(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self.out_shape = None


@breaks("connects")
class ForgetsInShape(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self.in_shape = None


@breaks("connects")
class NaNParameter(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self.b[0] = np.nan


@breaks("connects", input_shape=(None, 5))
class CannotConnect(Affine):
    def connect_to(self, prev_layer=None):
        raise RuntimeError("never")


@breaks("subject_connects")
class ConnectsNowhere(Affine):
    def connect_to(self, prev_layer=None):
        raise RuntimeError("never")


@breaks("connecting_again_keeps_parameters")
class DrawsAgain(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self.W = self.rng.normal(0, 1, self.W.shape)


@breaks("connecting_again_keeps_parameters")
class MakesAgain(Affine):
    def connect_to(self, prev_layer=None):
        kept = {name: p.value for name, p in self._parameters.items()}
        self._parameters.clear()
        super().connect_to(prev_layer)
        for name, value in kept.items():
            setattr(self, name, value)


@breaks("connecting_again_keeps_parameters")
class RenamesAgain(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self.add_param(f"W{len(self._parameters)}", (1,), "zero")


@breaks("unknown_sizes_are_clear_errors")
class NeedsPrevious(Affine):
    def connect_to(self, prev_layer=None):
        self.in_shape = prev_layer.out_shape
        super().connect_to(prev_layer)


@breaks("unknown_sizes_are_clear_errors")
class MultipliesNone(Affine):
    def connect_to(self, prev_layer=None):
        2 * self.incoming_shape(prev_layer)[-1]
        super().connect_to(prev_layer)


@breaks("unknown_sizes_are_clear_errors")
class SaysNothing(Affine):
    def connect_to(self, prev_layer=None):
        if prev_layer is not None:
            super().connect_to(prev_layer)


@breaks("declared_shape_is_actual")
class WrongOutShape(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self.out_shape = (*self.out_shape[:-1], self.n_out + 1)


@breaks("declared_shape_is_actual")
class FixedBatch(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self.out_shape = (3, *self.out_shape[1:])


@breaks("declared_shape_is_actual", input_shape=(None, 5))
class MergesBatch(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self.out_shape = (None, 1)

    def forward(self, input, train=True):
        return super().forward(input, train).reshape(-1, 1)


@breaks("declared_shape_is_actual")
class ReturnsList(Affine):
    def forward(self, input, train=True):
        return super().forward(input, train).tolist()


@breaks("declared_shape_is_actual")
class DeclaresTwoOutputs(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self.out_shape = [self.out_shape, self.out_shape]


@breaks("declared_shape_is_actual")
class GradientOfOtherShape(Affine):
    def backward(self, pre_grad):
        return super().backward(pre_grad)[..., :-1]


@breaks("declared_shape_is_actual")
class NoInputGradient(Affine):
    def backward(self, pre_grad):
        super().backward(pre_grad)


@breaks("declared_shape_is_actual")
class TwoInputGradients(Affine):
    def backward(self, pre_grad):
        return [super().backward(pre_grad)] * 2


@breaks("declared_shape_is_actual")
class Raises(Affine):
    def backward(self, pre_grad):
        raise IndexError("out of luck")


@breaks("sizes_of_one")
class Squeezes(Affine):
    def forward(self, input, train=True):
        return np.squeeze(super().forward(input, train))


@breaks("sizes_of_one", input_shape=(None, None, 5))
class NeedsTwoSteps(Affine):
    def forward(self, input, train=True):
        input[:, 1]
        return super().forward(input, train)


@breaks("empty_batch")
class MeanOfNothing(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        self.db = pre_grad.reshape(-1, self.n_out).mean(axis=0)
        return back


@breaks("empty_batch")
class InfersTheBatch(Affine):
    def forward(self, input, train=True):
        super().forward(input, train)
        return self.scale * (input.reshape(input.shape[0], -1, input.shape[-1]) @ self.W + self.b).reshape(
            *input.shape[:-1], self.n_out
        )


@breaks("empty_batch")
class GradientOfNothing(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        if not len(pre_grad):
            self.db = np.ones(self.n_out)
        return back


@breaks("empty_batch")
class NaNOfNothing(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        if not len(pre_grad):
            self.db = np.full(self.n_out, np.nan)
        return back


# -- arguments, randomness, dtype ----------------------------------------------------------------------------


@breaks("input_and_pre_grad_are_not_modified")
class WritesInput(Affine):
    def forward(self, input, train=True):
        input *= 1.5
        return super().forward(input, train)


@breaks("input_and_pre_grad_are_not_modified")
class WritesPreGrad(Affine):
    def backward(self, pre_grad):
        pre_grad *= 1.5
        return super().backward(pre_grad)


@breaks("input_and_pre_grad_are_not_modified")
class WritesSameNumbers(Affine):
    def forward(self, input, train=True):
        input += 0
        return super().forward(input, train)


@breaks("input_and_pre_grad_are_not_modified")
class AsksForWritable(Affine):
    def forward(self, input, train=True):
        if not input.flags.writeable:
            raise ValueError("input cannot be written")
        return super().forward(input, train)


@breaks("randomness_comes_from_the_layer")
class GlobalNoise(Noisy):
    def forward(self, input, train=True):
        if train:
            np.random.random()  # noqa: NPY002  the defect
        return super().forward(input, train)


@breaks("randomness_comes_from_the_layer")
class OwnNoise(Noisy):
    def forward(self, input, train=True):
        if train:
            self.rng = NOISE
        return super().forward(input, train)


@breaks("randomness_comes_from_the_layer")
class OwnInit(Affine):
    def connect_to(self, prev_layer=None):
        known = "W" in self._parameters
        super().connect_to(prev_layer)
        if not known:
            self.W = NOISE.normal(0, 1, self.W.shape)


@breaks("dtype_is_kept")
class Upcasts(Affine):
    def forward(self, input, train=True):
        return super().forward(input, train) * np.float64(1.0)


@breaks("dtype_is_kept")
class UpcastsAtInference(Affine):
    def forward(self, input, train=True):
        return super().forward(input, train).astype(self.dtype if train else np.float64)


@breaks("dtype_is_kept")
class UpcastsGradient(Affine):
    def backward(self, pre_grad):
        return super().backward(pre_grad).astype(np.float64)


@breaks("dtype_is_kept")
class AlwaysSingle(Affine):
    def forward(self, input, train=True):
        return super().forward(input, train).astype(np.float32)


@breaks("dtype_is_kept")
class IntegerGradient(Affine):
    def backward(self, pre_grad):
        return np.zeros(super().backward(pre_grad).shape, int)


# -- gradients -----------------------------------------------------------------------------------------------


@breaks("gradients_stay_in_their_slots")
class RebindsGradient(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        self.__dict__["dW"] = self.dW.copy()
        return back


@breaks("gradients_stay_in_their_slots")
class RebindsParameter(Affine):
    def forward(self, input, train=True):
        if train:
            self._parameters["W"].value = self._parameters["W"].value.copy()
        return super().forward(input, train)


@breaks("gradients_stay_in_their_slots")
class RebindsParameterGradient(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        self._parameters["W"].grad = self.dW.copy()
        return back


@breaks("gradients_stay_in_their_slots")
class ShapelessGradient(Affine):
    def connect_to(self, prev_layer=None):
        super().connect_to(prev_layer)
        self._parameters["b"].grad = np.zeros((1, self.n_out), self.dtype)


@breaks("gradients")
class MeanBias(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        self.db = self.scale * pre_grad.reshape(-1, self.n_out).sum(axis=0) / max(len(pre_grad), 1)
        return back


@breaks("gradients")
class MeanWeights(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        self.dW /= max(len(pre_grad), 1)
        return back


@breaks("gradients")
class ScaledInputGradient(Affine):
    def backward(self, pre_grad):
        return super().backward(pre_grad) * self.dtype.type(1.001)


@breaks("gradients")
class ForgetsScale(Affine):
    def backward(self, pre_grad):
        return super().backward(pre_grad) / self.dtype.type(self.scale)


@breaks("gradients")
class CostWithoutGradient(Weighted):
    def backward(self, pre_grad):
        back = Affine.backward(self, pre_grad)
        if not len(pre_grad):
            self.dW = 2 * self.W
        return back


@breaks("gradients")
class OneWrongEntry(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        self.dW[1, 2] *= 1.01
        return back


@breaks("gradients")
class NoParameterGradient(Affine):
    def backward(self, pre_grad):
        return (self.scale * pre_grad @ self.W.T).astype(pre_grad.dtype)


@breaks("gradients_of_one")
class WrongForOneSample(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        return back * 2 if len(pre_grad) == 1 else back


@breaks("gradients_of_one", input_shape=(None, None, 5))
class WrongForOneStep(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        return back * 2 if pre_grad.shape[1] == 1 else back


@breaks("backward_overwrites")
class Accumulates(Affine):
    def backward(self, pre_grad):
        before = self.db.copy()
        back = super().backward(pre_grad)
        self.db += before
        return back


@breaks("backward_overwrites")
class WritesPart(Lookup):
    input_size = 50

    def backward(self, pre_grad):
        (ids,) = self.retained()
        seen = np.unique(ids)
        self.dW[seen] = 0
        np.add.at(self.dW, ids, pre_grad)


@breaks("backward_can_be_repeated")
class ConsumesResiduals(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        self._residuals.kept = None
        return back


@breaks("backward_can_be_repeated")
class SpoilsResiduals(Noisy):
    def backward(self, pre_grad):
        (factor,) = self.retained()
        back = pre_grad * factor
        factor *= 2
        return back


@breaks("first_layer_gives_the_same_gradients")
class FirstLayerDoesNothing(Affine):
    def backward(self, pre_grad):
        if not self.first_layer:
            return super().backward(pre_grad)
        self.dW = np.zeros_like(self.dW)
        return None


@breaks("frozen_layer_passes_the_gradient_on")
class FrozenStops(Affine):
    def backward(self, pre_grad):
        back = super().backward(pre_grad)
        return back if self.trainable else np.zeros_like(back)


@breaks("frozen_layer_passes_the_gradient_on")
class CannotFreeze(Affine):
    @property
    def params(self):
        return [p.value for p in self._distinct_parameters()]


@breaks("float32_agrees")
class HalfPrecision(Affine):
    def forward(self, input, train=True):
        y = super().forward(input, train)
        return y.astype(np.float16).astype(np.float32) if self.dtype == np.float32 else y


@breaks("skipping_the_activation_is_its_chain_rule")
class NeverSkips(Reads):
    def backward(self, pre_grad, skip_activation=False):
        return super().backward(pre_grad)


@breaks("skipping_the_activation_is_its_chain_rule")
class NoSoftmax(Reads):
    def forward(self, input, train=True):
        y = super().forward(input, train)
        return y + 0.25

    def backward(self, pre_grad, skip_activation=False):
        return super().backward(pre_grad, skip_activation)
