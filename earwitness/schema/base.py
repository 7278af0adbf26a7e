"""What every parameter dataclass shares: strict types and no unknown keys."""

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid", strict=True)
