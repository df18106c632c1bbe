"""The form in which image sets come out: flat or with a channel axis, scaled, labels as ids or rows."""

from __future__ import annotations

from dataclasses import dataclass

from npdl_core.checks import check_bool
from npdl_data.parts import Part, check_scale, one_hot_labels, scale_parts

__all__ = ["ImageForm"]


@dataclass(frozen=True)
class ImageForm:
    """What all image sets do with their parts ``(X (N, H, W), Y (N,))``.

    Parameters
    ----------
    scale : {"unit", "standard", "none"}
        Divide by ``full_scale``; standardise by one mean and one deviation; or leave the values.
    one_hot : bool
        Labels as rows of float32.
    flatten : bool
        ``(N, H·W)``; otherwise ``(N, 1, H, W)``.
    full_scale : float
        The largest value of a pixel.
    """

    scale: str
    one_hot: bool
    flatten: bool
    full_scale: float

    def __post_init__(self) -> None:
        """Check the arguments."""
        check_scale(self.scale)
        check_bool("one_hot", self.one_hot)
        check_bool("flatten", self.flatten)

    def parts(self, train: Part, test: Part, n_classes: int) -> tuple[Part, Part]:
        """Return both parts in this form, X as float32."""
        train, test = scale_parts(
            self._shaped(train), self._shaped(test), self.scale, full_scale=self.full_scale, per_feature=False
        )
        if self.one_hot:
            return one_hot_labels(train, n_classes), one_hot_labels(test, n_classes)
        return train, test

    def _shaped(self, part: Part) -> Part:
        X = part[0]
        n, height, width = X.shape
        shape = (n, height * width) if self.flatten else (n, 1, height, width)
        return (X.reshape(shape), *part[1:])
