"""What a claim compares, and what the rule (`samo.claims.rule`) makes of it."""

import math
from dataclasses import dataclass
from enum import StrEnum

from samo.claims.effects import Effect
from samo.results.stats import Interval


class Verdict(StrEnum):
    """What a comparison or a claim comes to."""

    SUPPORTED = "supported"
    EQUIVALENT = "equivalent"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"
    NOT_TESTABLE = "not testable"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Region:
    """Where an effect lies if the claim holds: above `low`, below `high`.

    `alike`: the ends between which there is no difference that matters; None where the claim has no such margin.
    """

    low: float = -math.inf
    high: float = math.inf
    alike: tuple[float, float] | None = None

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"> {self.low:g}"
        return f"< {self.high:g}" if math.isinf(self.low) else f"{self.low:g} to {self.high:g}"

    @property
    def two_sided(self) -> bool:
        """Whether it ends on both sides."""
        return math.isfinite(self.low) and math.isfinite(self.high)


POSITIVE = Region(low=0.0)


@dataclass(frozen=True)
class Comparison:
    """One comparison of a claim."""

    dataset: str
    effect: Effect | None  # None where it was not run, or cannot be tested
    region: Region = POSITIVE  # where the effect lies if the claim holds
    unit: str = ""  # of the effect
    base: str = ""  # the aggregator, where there is one
    case: str = ""  # which of the claim's comparisons this is, where there are several
    figure: str = ""  # name of the figure that shows it
    missing: str = ""  # what is missing, where there is no effect
    note: str = ""  # what a reader should know beside the numbers
    untestable: str = ""  # why the question has no answer here, though all was run
    methods: tuple[str, ...] = ()  # the two that are compared


@dataclass(frozen=True)
class Row:
    """A comparison judged: its 95 % interval, the verdict, why, and the datasets that the verdict speaks of."""

    comparison: Comparison
    interval: Interval
    verdict: Verdict
    why: str
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A claim judged: as a whole (dataset "all"), case by case (dataset "pooled"), and every comparison."""

    whole: Row
    cases: list[Row]
    places: list[Row]
