"""Mixup: convex combinations of two training examples (Zhang et al., ICLR 2018)."""

import numpy as np


def draw_partner(
    examples: int, alpha: float, probability: float, rng: np.random.Generator
) -> tuple[int, float]:
    """Choose an example to mix with, and how much of the original to keep.

    Parameters
    ----------
    examples : int
        Number of training examples; the partner is one of them, so never a clip of
        validation or test.
    alpha : float
        Parameter of the symmetric Beta distribution; 0 for no mixing.
    probability : float
        Share of the examples that are mixed.
    rng : np.random.Generator
        The example's own generator.

    Returns
    -------
    partner : int
        Position in the training set.
    keep : float
        Share of the original, in [0, 1]; 1.0 for no mixing.
    """
    partner = int(rng.integers(examples))
    mixed = rng.random() < probability
    if alpha == 0 or not mixed:
        return partner, 1.0
    return partner, float(rng.beta(alpha, alpha))
