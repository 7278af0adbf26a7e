"""Maps of the embeddings (section ``tsne``)."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT


@dataclass(frozen=True, config=STRICT)
class TsneParams:
    """Section ``tsne``.

    Attributes
    ----------
    perplexity : float
        About how many neighbours of a clip count (van der Maaten and Hinton 2008); lowered
        where a fold has fewer than three times as many clips.
    """

    perplexity: Annotated[float, Field(gt=0)]
