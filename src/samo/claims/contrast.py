"""Comparisons that claims are made of, most often one kind of sharpness against another on the same aggregator."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from samo.claims.effects import Effect, of_rounds, of_seeds, pooled
from samo.claims.evidence import DELTA_M, Evidence, Kind, Measure, find, rows


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
MARGIN = 0.5
"""Points of Delta-m within which two methods do as well as each other: half a per cent of a metric on average, and less
than the smallest mean gain that F-MTL's authors report on a dataset of the Multi-MNIST family (0.72 on the mix)."""
GAIN = Region(low=0.0, alike=(-MARGIN, MARGIN))
"""Better; alike within the margin."""
AS_WELL = Region(low=-MARGIN)
"""Not worse by the margin; better is as well, too."""
ALIKE = Region(-MARGIN, MARGIN)
"""The sentence itself is that there is no difference."""
SMALL = Region(high=MARGIN)
"""A gain below the margin, or none."""
NO_EXTRA_TIME = Region(high=1.1)
"""A tenth more is what rounds of measurement on one machine differ by."""

PLAIN, GSAM, LSAM, SAMO, FMTL = map(Kind, ("none", "gsam", "lsam", "samo", "fmtl"))
SINGLE = Kind("none", networks="separate")


@dataclass(frozen=True)
class Comparison:
    """One comparison of a claim."""

    dataset: str
    effect: Effect | None = None  # None where it was not run, or cannot be tested
    region: Region = POSITIVE  # where the effect lies if the claim holds
    unit: str = ""  # of the effect
    base: str = ""  # the aggregator, where there is one
    case: str = ""  # which of the claim's comparisons this is, where there are several
    figure: str = ""  # name of the figure that shows it
    missing: str = ""  # what is missing, where there is no effect
    note: str = ""  # what a reader should know beside the numbers
    untestable: str = ""  # why the question has no answer here, though all was run
    methods: tuple[str, ...] = ()  # the two that are compared, if others may share one of them: they err together


Test = Callable[[Evidence], Sequence[Comparison]]


def each(*tests: Callable[[Evidence], Iterable[Comparison]]) -> Test:
    """The comparisons of several tests, one after the other."""
    return lambda evidence: [comparison for test in tests for comparison in test(evidence)]


def each_dataset(test: Callable[[Evidence, str], Iterable[Comparison]], datasets: Sequence[str] = ()) -> Test:
    """A test that looks at one dataset at a time: at these, or else at all of the evidence."""
    return lambda evidence: [c for dataset in datasets or evidence.datasets for c in test(evidence, dataset)]


def compare(
    first: Kind,
    second: Kind,
    measure: Measure = DELTA_M,
    *,
    region: Region = GAIN,
    case: str = "",
    only: Sequence[str] = (),
    datasets: Sequence[str] = (),
    without: Sequence[str] = (),
) -> Test:
    """The measure of the first kind minus that of the second (or divided by it), paired by seed.

    A comparison per dataset and aggregator: those named in `only`, or else all that have both kinds, but for those in
    `without`.
    """

    def test(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
        for place in places(evidence, dataset, (first, second), only, without):
            effect = difference(evidence, dataset, *place.methods, measure=measure) if place.methods else None
            lack = place.missing or f"{measure.name} of {' and '.join(place.methods)}"
            found = replace(place, effect=effect, region=region, case=case, missing=lack)
            yield replace(found, unit=measure.unit, figure=f"{dataset}-{measure.figure}")

    return each_dataset(test, datasets)


def times(
    first: Kind,
    second: Kind,
    *,
    region: Region,
    case: str = "",
    datasets: Sequence[str] = (),
    without: Sequence[str] = (),
) -> Test:
    """How many times as long a step of the first kind takes as one of the second, a comparison per place."""

    def test(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
        for place in places(evidence, dataset, (first, second), without=without):
            steps = {method: step(evidence, dataset, method) for method in place.methods}
            lacking = " and ".join(method for method, one in steps.items() if one is None)
            lack = place.missing or (f"cost of {lacking}" if lacking else "")
            effect, note = (None, "") if lack else quotient(*filter(None, steps.values()))
            yield Comparison(dataset, effect, region, "times", place.base, case, f"{dataset}-cost", lack, note)

    return each_dataset(test, datasets)


def step(evidence: Evidence, dataset: str, method: str) -> Mapping[Any, Any] | None:
    """A method's row of the frame `cost`; None where no step was timed."""
    timed = rows(evidence.cost, dataset, method).dropna(subset=["ratio"])
    return next(iter(timed.to_dict("records")), None)


def quotient(first: Mapping[Any, Any], second: Mapping[Any, Any]) -> tuple[Effect, str]:
    """How many times as long the first of two steps takes, and in words the same by the count of passes."""
    rounds = ((one["ratio"], one["ratio_low"], one["ratio_high"]) for one in (first, second))
    return of_rounds(*rounds), f"{first['count_ratio'] / second['count_ratio']:.2f} times by the count of passes"


def difference(
    evidence: Evidence, dataset: str, first: str | None, second: str | None, *, measure: Measure = DELTA_M
) -> Effect | None:
    """One method's measure minus another's (or divided by it) on the seeds that both have; None without any."""
    ours, theirs = (measure.of(evidence, dataset, method) if method else None for method in (first, second))
    if ours is None or theirs is None:
        return None
    left, right = ours.align(theirs, join="inner")
    found: pd.Series = left / right if measure.ratio else left - right
    return of_seeds(found, measure.ratio) if len(found) else None


def with_gain(test: Test, of: Kind = SAMO) -> Test:
    """A test "as good as SAMO", without an answer where SAMO shows no gain over its base (assay sensitivity).

    A method that does nothing is as good as one that gains nothing. The gain is pooled over the very places of the
    comparisons, not looked for place by place, which would pick the luckiest.
    """

    def tested(evidence: Evidence) -> Sequence[Comparison]:
        found = test(evidence)
        here = {(c.dataset, c.base) for c in found if c.effect}
        own = [c for c in compare(PLAIN, of)(evidence) if (c.dataset, c.base) in here]
        gains = [(c.dataset, c.effect) for c in own if c.effect]
        if not gains:
            return [replace(c, effect=None, missing=f"{of} beside its base") if c.effect else c for c in found]
        gain = pooled(gains)
        if gain.positive:
            return found
        low, high = gain.interval()[1:3]
        name = "SAMO" if of == SAMO else str(of)
        why = f"{name} shows no gain here ({gain.value:.2f}, {low:.2f} to {high:.2f})"
        return [replace(c, effect=None, untestable=why) if c.effect else c for c in found]

    return tested


def places(
    evidence: Evidence, dataset: str, kinds: Sequence[Kind], only: Sequence[str] = (), without: Sequence[str] = ()
) -> list[Comparison]:
    """A comparison per aggregator with the methods of these kinds, or with what is missing, to be filled in.

    One for the dataset where no aggregator has all kinds; with `only`, one for each that is named.
    """
    known = evidence.methods.get(dataset)
    if known is None:
        return [Comparison(dataset, missing=f"{dataset} is not in the profile")]
    shared = dict.fromkeys(method.aggregator_text for method in known if method.networks == "shared")
    bases = [base for base in shared if base.split()[0] not in without]
    if only:
        bases = [base for name in only for base in ([b for b in bases if b.split()[0] == name] or [name])]
    found = []
    for base in bases:
        methods = {str(kind): find(known, kind, base) for kind in kinds}
        lacking = " and ".join(kind for kind, method in methods.items() if method is None)
        if not lacking:
            found.append(Comparison(dataset, base=base, methods=tuple(filter(None, methods.values()))))
        elif only:
            found.append(Comparison(dataset, base=base, missing=f"{lacking} on {base}"))
    return found or [Comparison(dataset, missing=f"{' and '.join(map(str, kinds))} on one aggregator")]
