"""Records of the speech models in ``torchaudio.pipelines``, derived from what it says of them."""

import re
from typing import Any

import torchaudio

from earwitness.backbones.record import DerivedRecord, HubFile

HOME = "https://download.pytorch.org/torchaudio/models/"


def derive(name: str) -> DerivedRecord | None:
    """Make the record of a speech model.

    Parameters
    ----------
    name : str
        Of the bundle, in any case.

    Returns
    -------
    DerivedRecord or None
        The record, without a pinned hash; None if torchaudio has no such speech model.
    """
    bundle = getattr(torchaudio.pipelines, name.upper(), None)
    if not isinstance(bundle, torchaudio.pipelines.Wav2Vec2Bundle):
        return None
    # What a bundle is made of is private there; requirements.txt pins torchaudio.
    path, params = bundle._path, bundle._params
    return DerivedRecord(
        name=name.lower(),
        sample_rate=int(bundle.sample_rate),
        blocks=params["encoder_num_layers"],
        level_from=0,
        licence=_licence(bundle.__doc__ or ""),
        source=f"torchaudio.pipelines.{name.upper()}: {_first_sentence(bundle.__doc__ or '')}",
        transport=HubFile(
            address=path if path.startswith("https://") else HOME + path,
            filename=path.split("/")[-1],
            sha256=None,
        ),
        bundle=name.upper(),
        dimension=params["encoder_embed_dim"],
    )


def _licence(text: str) -> str:
    found: Any = re.search(r"under \W*(MIT|CC[ -]BY(?:-[A-Z]+)* \d\.\d)", text)
    return found[1] if found else "see torchaudio's documentation"


def _first_sentence(text: str) -> str:
    plain = re.sub(r" ?:cite:`[^`]*`|\*", "", text)
    return " ".join(plain.split("\n\n")[0].split()).rstrip(".").replace('"', "'")
