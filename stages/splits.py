"""Stage ``splits``: which clips train, validate and test each fold."""

import logging
from pathlib import Path

from earwitness.fold import read_manifest
from earwitness.schema.splits import SplitParams
from earwitness.splits import check_folds, check_splits, make_splits
from earwitness.store.atomic import write_json
from stages.params import ParamsFile


def main(params: ParamsFile) -> None:
    """Write data/splits.json."""
    columns = ["fold", "target", "category", "src_file"]
    manifest = read_manifest(Path("data/manifest.csv"), columns)
    # Every fold of the data is split, whichever are configured: `-S 'folds=[1]'` then leaves
    # the splits, and with them the trained models of fold 1, as they were.
    present = sorted({int(fold) for fold in manifest["fold"]})
    check_folds(present, params.get("folds", tuple))
    splits = make_splits(
        manifest,
        present,
        params.get("splits", SplitParams).validation_fraction,
        params.get("seed", int),
    )
    check_splits(splits, manifest)
    if splits["crossing_sources"]:
        logging.info(
            "recordings with clips in two folds, left out of training where one is tested: %s",
            ", ".join(splits["crossing_sources"]),
        )
    write_json(Path("data/splits.json"), splits)
