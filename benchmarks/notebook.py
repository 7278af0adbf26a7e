"""The notebook that this project replaces: its two spectrogram networks, from its description.

Model A: a 5x5 stem and four blocks of 3x3 convolutions with squeeze-and-excitation, 32 to 128
channels wide, with 2x2 average pools between them. Model A Pro, "BC-ResNet-8": a 5x5 stem and
four stages of two depthwise blocks, 40 to 160 channels wide. Both read log-mel and PCEN at the
full 64 x 494 resolution. What the description leaves open is decided in favour of speed: every
stage after the first halves both axes, and both networks are in the channels-last layout.
"""

from earwitness.schema.nets.bc_resnet import NetParams as BcResNetParams
from earwitness.schema.nets.spec_cnn import NetParams as SpecCnnParams

SHAPE = (2, 64, 494)
MODEL_A_BATCH = 64
MODEL_A = SpecCnnParams(
    widths=(32, 64, 96, 128),
    blocks=1,
    se_reduction=8,
    stem_stride=1,
    downsample="average",
    residual=False,
    pooling="mean",
    dropout=0.35,
)
MODEL_A_PRO_BATCH = 24
MODEL_A_PRO = BcResNetParams(variant="se", scale=8, sub_bands=1, se_reduction=8, dropout=0.35)
