"""Tables, archives, models and answers from a network that were made to do harm."""

import gzip
import http.server
import io
import json
import os
import pickle
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch
from safetensors.torch import load_file, save_file

from earwitness.__main__ import main
from earwitness.audio import fetch as fetching
from earwitness.audio.archive import unpack
from earwitness.audio.dataset import find_clips
from earwitness.audio.fetch import fetch
from earwitness.audio.prepare import prepare
from earwitness.backbones.registry import get_record
from earwitness.backbones.weights import load_backbone
from earwitness.errors import EarwitnessError
from earwitness.fold import read_manifest
from earwitness.inference.member import load_member
from earwitness.labels import class_indices, list_classes
from earwitness.plots.confusion import plot_confusion
from earwitness.schema.data import DataParams
from earwitness.training.state import TrainingState
from tests.hostile.corpus import encode
from tests.trained import PREPARED
