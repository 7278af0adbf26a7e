"""What is known about each pretrained backbone, in one frozen record.

Nothing heavy is imported here: parameters are checked against the registry before torch is.
Each record has a module of its own, so that a new backbone leaves the stages of the others as
they are.
"""

import difflib
import pkgutil
from importlib import import_module

from earwitness.backbones import records
from earwitness.backbones.record import BackboneRecord
from earwitness.errors import EarwitnessError

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(records.__path__)))


def get_record(name: str) -> BackboneRecord:
    """Look up a backbone.

    Parameters
    ----------
    name : str
        As in ``model.backbones``; upper and lower case are the same.

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
    close = difflib.get_close_matches(name, NAMES, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(NAMES)}"
    raise EarwitnessError(f"model.backbones: no backbone is called '{name}'; {hint}")
