"""The frozen baseline: a regularised linear classifier on pooled levels."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earwitness.calibration import negative_log_likelihood

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class LinearBaseline:
    """A fitted multinomial logistic regression on standardised features.

    Attributes
    ----------
    mean, std : np.ndarray [shape=(D,)]
        Statistics of the training clips.
    weight : np.ndarray [shape=(classes, D)]
        Coefficients, on standardised features.
    bias : np.ndarray [shape=(classes,)]
        Intercepts.
    c : float
        The inverse regularisation strength chosen on validation.
    """

    mean: FloatArray
    std: FloatArray
    weight: FloatArray
    bias: FloatArray
    c: float

    def logits(self, levels: FloatArray) -> FloatArray:
        """Classify.

        Parameters
        ----------
        levels : np.ndarray [shape=(n, D)]
            Pooled levels.

        Returns
        -------
        np.ndarray [shape=(n, classes)]
            Logits.
        """
        standard = (levels - self.mean) / self.std
        return np.asarray(standard @ self.weight.T + self.bias, dtype=np.float32)


def fit_baseline(
    levels: FloatArray,
    targets: IntArray,
    validation: tuple[FloatArray, IntArray] | None,
    strengths: tuple[float, ...],
) -> LinearBaseline:
    """Fit one regression a strength and keep the one with the least validation loss.

    Where there are more features than clips, they are first rotated into as many dimensions
    as there are clips: an L2-regularised regression does not change under an orthogonal map,
    and with ten times more features than clips it is fitted ten times faster.

    Parameters
    ----------
    levels : np.ndarray [shape=(n, D)]
        Pooled levels of the training clips.
    targets : np.ndarray [shape=(n,)]
        Class indices; every class occurs.
    validation : tuple of (np.ndarray [shape=(v, D)], np.ndarray [shape=(v,)]) or None
        Levels and class indices that choose the strength; None if there is but one.
    strengths : tuple of float
        Values of scikit-learn's C.

    Returns
    -------
    LinearBaseline
        The chosen regression.
    """
    import sklearn.linear_model  # noqa: F401 - its libraries must be loaded to be limited

    # Sums in BLAS depend on the number of threads, so it follows torch's, i.e. runtime.threads.
    with threadpool_limits(limits=torch.get_num_threads()):
        fitted = _fit(levels, targets, strengths)
    if validation is None:
        return fitted[0]
    return min(
        fitted, key=lambda one: negative_log_likelihood(one.logits(validation[0]), validation[1])
    )


def _fit(
    levels: FloatArray, targets: IntArray, strengths: tuple[float, ...]
) -> list[LinearBaseline]:
    from sklearn.linear_model import LogisticRegression

    mean = levels.mean(0, dtype=np.float64)
    std = levels.std(0, dtype=np.float64)
    # A feature that hardly moves on the training clips must not be blown up on others.
    std = np.maximum(std, max(1e-2 * float(np.median(std)), 1e-12))
    rotated, basis = _rotate((levels - mean) / std)
    fitted = []
    for c in strengths:
        # A tighter tolerance takes ten times longer and moves no prediction.
        model = LogisticRegression(C=c, max_iter=2000, tol=1e-3).fit(rotated, targets)
        weight, bias = model.coef_ @ basis, model.intercept_
        if len(weight) == 1:  # two classes: scikit-learn gives the difference of their logits
            weight, bias = np.vstack([-weight, weight]) / 2, np.hstack([-bias, bias]) / 2
        narrow = [array.astype(np.float32) for array in (mean, std, weight, bias)]
        fitted.append(LinearBaseline(narrow[0], narrow[1], narrow[2], narrow[3], c))
    return fitted


def _rotate(standard: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates (n, r) of the clips in a basis (r, D) of a space that holds them."""
    clips, features = standard.shape
    if clips >= features:  # nothing to gain, and the Gram matrix would grow with clips squared
        return standard, np.eye(features)
    # Through the Gram matrix of the clips, which is much smaller than a decomposition of all.
    energy, vectors = np.linalg.eigh(standard @ standard.T)
    spans = energy > 1e-9 * energy[-1]
    scale = np.sqrt(energy[spans])
    return vectors[:, spans] * scale, (standard.T @ vectors[:, spans] / scale).T
