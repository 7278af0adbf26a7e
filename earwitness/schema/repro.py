"""What stages take of a machine when several run at once (section ``repro``)."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from earwitness.schema.base import STRICT


@dataclass(frozen=True, config=STRICT)
class ReproParams:
    """Section ``repro``. A stage of a matrix goes by the name before its ``@``.

    Attributes
    ----------
    threads : dict of str to int
        CPU threads of the stages that do not go by ``runtime.threads``; 0 for one a core.
    memory_gb : dict of str to float
        Peak memory in GiB, of all processes of the stage together; ``default`` is that of the
        stages not named.
    gpu : tuple of str
        The stages that take a GPU each where there are any.
    """

    threads: dict[str, Annotated[int, Field(ge=0)]]
    memory_gb: dict[str, Annotated[float, Field(gt=0)]]
    gpu: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that memory is known of every stage."""
        if "default" not in self.memory_gb:
            raise ValueError("memory_gb needs the key 'default', for stages not named")
