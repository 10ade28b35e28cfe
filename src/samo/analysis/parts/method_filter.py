"""Which of a dataset's methods an analysis looks at, where all of them would take too long."""

from collections.abc import Iterable
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

from samo import aggregation
from samo.optim.sharpness import PRESETS
from samo.training.settings import Settings

Values = TypeVar("Values", bound=Iterable[str])


def known(allowed: Iterable[str]) -> AfterValidator:
    """Of a setting: each of its values, or keys, is one of these."""

    def check(values: Values) -> Values:
        for value in values:
            if value not in allowed:
                raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
        return values

    return AfterValidator(check)


Presets = Annotated[list[str], known(PRESETS)]
Aggregators = Annotated[list[str], known(aggregation.NAMES)]


class MethodFilter(Settings):
    """Methods by what they are made of; the single-task baseline, which has no trunk, is never among them.

    Attributes:
        sharpness: presets.
        aggregators: their names; none named takes all.
    """

    sharpness: Presets = Field(default_factory=lambda: ["none", "gsam", "lsam", "samo", "fmtl"])
    aggregators: Aggregators = Field(default_factory=list)

    def takes(self, aggregator: str, sharpness: str) -> bool:
        """Whether a method made of these is looked at."""
        return sharpness in self.sharpness and (not self.aggregators or aggregator in self.aggregators)
