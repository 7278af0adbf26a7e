"""What a trained model has to offer to classify files with it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Classifier(Protocol):
    """From clips to log-probabilities; called from several threads.

    Attributes
    ----------
    sample_rates : set of int
        Rates at which it reads waveforms, in Hz.
    seconds : float
        Length of the clips it reads.
    resampler : str
        soxr quality of their resampling.
    categories : list of str
        Classes, in the order of the log-probabilities.
    """

    @property
    def sample_rates(self) -> set[int]: ...  # noqa: D102

    @property
    def seconds(self) -> float: ...  # noqa: D102

    @property
    def resampler(self) -> str: ...  # noqa: D102

    @property
    def categories(self) -> list[str]: ...  # noqa: D102

    def log_probs(self, waveforms: dict[int, NDArray[np.float32]]) -> NDArray[np.float64]:
        """Classify clips.

        Parameters
        ----------
        waveforms : dict of int to np.ndarray [shape=(B, samples)]
            The clips at each of `sample_rates`.

        Returns
        -------
        np.ndarray [shape=(B, classes)]
            Log-probabilities.
        """
        ...
