"""The rule, fixed before the runs and the same for every claim: an effect's interval against a region.

A claim names for each comparison the region in which its effect must lie: above 0 for "improves", 1.5 to 2.5 for
"about twice", above minus a margin for "does as well". With the effect's 95 % interval over the seeds a comparison is

    supported      the interval lies wholly inside the region,
    contradicted   the interval lies wholly outside of it,
    undecided      neither; and always with fewer than `MIN_SEEDS` seeds, or with a run that diverged,
    not run        cells or an analysis are missing.

Where there is no effect at all (the truth is the region's edge) either false verdict has a chance of at most 2.5 %,
both together 5 %. A claim of m comparisons has two ways to go wrong, and the verdict on the whole of it minds both:

    contradicted   if a comparison is, even by its interval of level 1 - 0.05/m (Bonferroni; Holm's procedure finds a
                   first contradiction in just the same cases). One counterexample refutes a general sentence, and m
                   looks for one must not find it by chance.
    supported      if all comparisons are, by their plain intervals: when all must agree, none needs a correction (an
                   intersection-union test; Berger 1982).
    undecided      otherwise.

A dataset on which nothing that the claim needs was run is out of its scope, and named; one where a part of it is
missing keeps the claim from being supported. Across claims nothing is corrected: of n comparisons without an effect
expect n/20 false verdicts. The column `simultaneous` is a comparison's verdict by the wider interval.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from samo.claims.effects import Effect
from samo.results.stats import LEVEL, Interval

MIN_SEEDS = 3
"""Of fewer seeds nothing is decided: two differences say next to nothing of their own spread."""


class Verdict(StrEnum):
    """What a comparison or a claim comes to."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Region:
    """Where an effect must lie for the claim to hold: above `low`, below `high`."""

    low: float = -math.inf
    high: float = math.inf

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"> {self.low:g}"
        return f"< {self.high:g}" if math.isinf(self.low) else f"{self.low:g} to {self.high:g}"


POSITIVE = Region(low=0.0)


@dataclass(frozen=True)
class Comparison:
    """One comparison of a claim.

    Attributes:
        dataset: on which.
        effect: what was found, oriented so that it lies in `region` if the claim holds; None where cells are missing.
        region: where the claim holds.
        unit: of the effect.
        base: the aggregator, where there is one.
        case: which of the claim's comparisons this is, where there are several.
        figure: name of the figure that shows it.
        missing: what is missing, where there is no effect.
        note: what a reader should know beside the numbers.
    """

    dataset: str
    effect: Effect | None
    region: Region = POSITIVE
    unit: str = ""
    base: str = ""
    case: str = ""
    figure: str = ""
    missing: str = ""
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A comparison judged: its 95 % interval, the verdict, the verdict by the wider interval, and why."""

    comparison: Comparison
    interval: Interval
    verdict: Verdict
    simultaneous: Verdict
    why: str


UNKNOWN = Interval(math.nan, math.nan, math.nan, 0)


def verdict(interval: Interval, region: Region, needs_seeds: bool = True) -> Verdict:
    """The rule for one interval."""
    if math.isnan(interval.low) or math.isnan(interval.high) or (needs_seeds and interval.n < MIN_SEEDS):
        return Verdict.UNDECIDED
    if region.low < interval.low and interval.high < region.high:
        return Verdict.SUPPORTED
    if interval.high < region.low or region.high < interval.low:
        return Verdict.CONTRADICTED
    return Verdict.UNDECIDED


def judge(comparisons: Sequence[Comparison]) -> list[Row]:
    """Every comparison of one claim, in order."""
    many = sum(comparison.effect is not None for comparison in comparisons)
    return [_row(comparison, 1 - (1 - LEVEL) / max(1, many)) for comparison in comparisons]


def overall(rows: Sequence[Row]) -> Row:
    """The verdict on the whole claim, with the effect that decides: the one that supports it least.

    Its dataset is "all".
    """
    scope = {row.comparison.dataset for row in rows if row.verdict != Verdict.NOT_RUN}
    outside = _listed(row.comparison.dataset for row in rows if row.comparison.dataset not in scope)
    if not scope:
        wanted = _listed((row.comparison.missing for row in rows), most=1)
        return Row(Comparison("all", None), UNKNOWN, Verdict.NOT_RUN, Verdict.NOT_RUN, f"missing: {wanted}")
    inside = [row for row in rows if row.comparison.dataset in scope]
    ran = [row for row in inside if row.verdict != Verdict.NOT_RUN]
    weakest = min(ran, key=_support)
    count = {v: sum(row.verdict == v for row in inside) for v in Verdict}
    refuted = sum(row.simultaneous == Verdict.CONTRADICTED for row in ran)
    if refuted:
        found = Verdict.CONTRADICTED
    elif count[Verdict.SUPPORTED] == len(inside):
        found = Verdict.SUPPORTED
    else:
        found = Verdict.UNDECIDED
    said = [", ".join(f"{n} {v}" for v, n in count.items() if n) + f" of {len(inside)}"]
    if count[Verdict.CONTRADICTED] and not refuted:
        said.append(f"no contradiction outlasts the correction for {len(ran)}")
    if outside:
        said.append(f"not run: {outside}")
    shown = weakest.comparison
    place = " ".join(filter(None, (shown.dataset, shown.base, shown.case)))
    whole = replace(shown, dataset="all", base="", case=f"weakest: {place}", note="")
    return Row(whole, weakest.interval, found, found, "; ".join(said))


def _row(comparison: Comparison, level: float) -> Row:
    if comparison.effect is None:
        return Row(comparison, UNKNOWN, Verdict.NOT_RUN, Verdict.NOT_RUN, f"missing: {comparison.missing}")
    interval, wide = comparison.effect.interval(LEVEL), comparison.effect.interval(level)
    seeded = comparison.effect.seeded
    found = verdict(interval, comparison.region, seeded)
    doubt = _doubt(interval, comparison.region, seeded) if found == Verdict.UNDECIDED else ""
    why = "; ".join(filter(None, (doubt, comparison.note)))
    return Row(comparison, interval, found, verdict(wide, comparison.region, seeded), why)


def _doubt(interval: Interval, region: Region, seeded: bool) -> str:
    """Why nothing is decided, in one clause."""
    if seeded and interval.n < MIN_SEEDS:
        return f"{interval.n} seed{'s' * (interval.n != 1)}, at least {MIN_SEEDS} are needed"
    if math.isnan(interval.mean):
        return "a value is missing or not finite"
    if math.isnan(interval.low):
        return "the seeds differ in nothing, so their noise is unknown"
    return f"the interval holds {' and '.join(f'{x:g}' for x in (region.low, region.high) if _holds(interval, x))}"


def _holds(interval: Interval, x: float) -> bool:
    return interval.low <= x <= interval.high


def _support(row: Row) -> float:
    """How far inside its region an effect lies, in half-widths of its interval; an unknown one is on the edge."""
    interval, region = row.interval, row.comparison.region
    inside = min(interval.mean - region.low, region.high - interval.mean)
    width = (interval.high - interval.low) / 2
    if math.isnan(inside) or math.isnan(width) or inside == 0:
        return 0.0
    return inside / width if width > 0 else math.copysign(math.inf, inside)


def _listed(names: Iterable[str], most: int = 3) -> str:
    """Each once; of more than `most` the first ones and how many more there are."""
    found = list(dict.fromkeys(filter(None, names)))
    rest = [f"{len(found) - most} more"] if len(found) > most else []
    return ", ".join(found[:most] + rest)
