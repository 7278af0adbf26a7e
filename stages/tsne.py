"""Stage ``tsne``: the test clips of each fold, placed as each member sees them."""

from pathlib import Path

from earwitness.evaluation.tsne import tsne_table
from earwitness.fold import read_manifest
from earwitness.schema.tsne import TsneParams
from earwitness.store.atomic import write_csv
from stages.params import ParamsFile


def main(params: ParamsFile) -> None:
    """Write plots/tsne.csv."""
    table = tsne_table(
        Path("data/predictions"),
        params.get("members", tuple),
        params.get("folds", tuple),
        read_manifest(Path("data/manifest.csv")),
        perplexity=params.get("tsne", TsneParams).perplexity,
        seed=params.get("seed", int),
    )
    write_csv(Path("plots/tsne.csv"), table)
