"""Everything that stages import, at the start or on their way: see `tests.workspace.start`."""

import numpy as np

import stages.ensemble
import stages.features
import stages.finetune
import stages.predict
import stages.prepare
import stages.schema
import stages.splits
import stages.train
import stages.trunk  # noqa: F401
from earwitness.features.spectrogram import SpectrogramFrontEnd
from tests.trained import FEATURES

SpectrogramFrontEnd(FEATURES)(np.zeros(16000, dtype=np.float32))
