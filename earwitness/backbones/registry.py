"""What is known about each pretrained backbone, in one frozen record.

Nothing heavy is imported here: parameters are checked against the registry before torch is.
Each record has a module of its own, so that a new backbone leaves the stages of the others as
they are. For other speech models of torchaudio a record is derived, which imports torch.
"""

import difflib
import pkgutil
import re
from importlib import import_module

from earwitness.backbones import records
from earwitness.backbones.record import BackboneRecord
from earwitness.errors import EarwitnessError

# By name, because it imports torch.
BUNDLES = "earwitness.backbones.bundles"
NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(records.__path__)))


def looks_like_bundle(name: str) -> bool:
    """Tell whether a name may be that of a speech model in ``torchaudio.pipelines``."""
    return (
        re.fullmatch(r"(wav2vec2|hubert|wavlm|voxpopuli|mms)_[a-z0-9_]+", name.lower()) is not None
    )


def get_record(name: str) -> BackboneRecord:
    """Look up a backbone.

    Parameters
    ----------
    name : str
        As in ``model.backbones``, or that of a speech model in ``torchaudio.pipelines``; upper
        and lower case are the same.

    Returns
    -------
    BackboneRecord
        Its record.

    Raises
    ------
    EarwitnessError
        If there is no such backbone; the message names the closest one.
    """
    name = name.lower()
    if name in NAMES:
        record: BackboneRecord = import_module(f"earwitness.backbones.records.{name}").RECORD
        return record
    if looks_like_bundle(name):
        derived: BackboneRecord | None = import_module(BUNDLES).derive(name)
        if derived is not None:
            return derived
    close = difflib.get_close_matches(name, NAMES, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(NAMES)}"
    raise EarwitnessError(f"model.backbones: no backbone is called '{name}'; {hint}")
