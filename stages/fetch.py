"""Stage ``fetch``: make sure the data set is there."""

import logging
import os
from pathlib import Path

from earwitness.audio.fetch import fetch
from earwitness.schema.data import DataParams
from earwitness.store.atomic import write_json
from stages.params import ParamsFile


def main(params: ParamsFile) -> None:
    """Find, link or download the data set at ``data.root``."""
    data = params.get("data", DataParams)
    given = os.environ.get("EARWITNESS_DATA")
    how = fetch(data, Path(data.root), Path(given) if given else None)
    logging.info("%s: %s at %s", data.name, how, data.root)
    # How it came there is not recorded: the next stages must not depend on it.
    write_json(Path("data/fetched.json"), {"name": data.name, "root": data.root})
