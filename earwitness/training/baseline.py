"""The frozen baseline: a regularised linear classifier on pooled levels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    validation: tuple[FloatArray, IntArray],
    strengths: tuple[float, ...],
) -> LinearBaseline:
    """Fit one regression a strength and keep the one with the least validation loss.

    The features are first rotated into as many dimensions as there are clips: an
    L2-regularised regression does not change under an orthogonal map, and with ten times
    more features than clips it is fitted ten times faster.

    Parameters
    ----------
    levels : np.ndarray [shape=(n, D)]
        Pooled levels of the training clips.
    targets : np.ndarray [shape=(n,)]
        Class indices; every class occurs.
    validation : tuple of (np.ndarray [shape=(v, D)], np.ndarray [shape=(v,)])
        Levels and class indices that choose the strength.
    strengths : tuple of float
        Values of scikit-learn's C.

    Returns
    -------
    LinearBaseline
        The chosen regression.
    """
    from scipy.special import log_softmax
    from sklearn.linear_model import LogisticRegression

    mean = levels.mean(0, dtype=np.float64)
    std = np.maximum(levels.std(0, dtype=np.float64), 1e-6)
    u, s, basis = np.linalg.svd((levels - mean) / std, full_matrices=False)
    rotated = u * s  # (n, r)
    fitted = []
    for c in strengths:
        model = LogisticRegression(C=c, max_iter=2000, tol=1e-5).fit(rotated, targets)
        weight, bias = model.coef_ @ basis, model.intercept_
        if len(weight) == 1:  # two classes: scikit-learn gives the difference of their logits
            weight, bias = np.vstack([-weight, weight]) / 2, np.hstack([-bias, bias]) / 2
        candidate = LinearBaseline(
            mean.astype(np.float32),
            std.astype(np.float32),
            weight.astype(np.float32),
            bias.astype(np.float32),
            c,
        )
        log_probs = log_softmax(candidate.logits(validation[0]), axis=1)
        loss = -log_probs[np.arange(len(validation[1])), validation[1]].mean()
        fitted.append((float(loss), candidate))
    return min(fitted, key=lambda pair: pair[0])[1]
