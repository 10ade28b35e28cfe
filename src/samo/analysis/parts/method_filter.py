"""Which of a dataset's methods an analysis looks at, where all of them would take too long."""

from collections.abc import Iterable

from pydantic import Field, field_validator

from samo import aggregation
from samo.optim.sharpness import PRESETS
from samo.training.settings import Settings


class MethodFilter(Settings):
    """Methods by what they are made of; the single-task baseline, which has no trunk, is never among them.

    Attributes:
        sharpness: presets.
        aggregators: their names; none named takes all.
    """

    sharpness: list[str] = Field(default_factory=lambda: ["none", "gsam", "lsam", "samo", "fmtl"])
    aggregators: list[str] = Field(default_factory=list)

    @field_validator("sharpness")
    @classmethod
    def _known_sharpness(cls, values: list[str]) -> list[str]:
        return known(values, PRESETS)

    @field_validator("aggregators")
    @classmethod
    def _known_aggregators(cls, values: list[str]) -> list[str]:
        return known(values, aggregation.NAMES)

    def takes(self, aggregator: str, sharpness: str) -> bool:
        """Whether a method made of these is looked at."""
        return sharpness in self.sharpness and (not self.aggregators or aggregator in self.aggregators)


def known(values: list[str], allowed: Iterable[str]) -> list[str]:
    """The values, if all of them are among those allowed.

    Raises:
        ValueError: one is not.
    """
    for value in values:
        if value not in allowed:
            raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
    return values
