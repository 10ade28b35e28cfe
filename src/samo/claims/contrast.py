"""Comparisons that most claims are made of: one kind of sharpness against another on the same aggregator, by seed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import pandas as pd

from samo.claims.comparison import Comparison, Region
from samo.claims.effects import Effect, of_rounds, of_seeds, pooled
from samo.claims.evidence import Evidence, Kind, find
from samo.claims.measures import DELTA_M, Measure, StepTime, step_time

Test = Callable[[Evidence], Sequence[Comparison]]

MARGIN = 0.5
"""Points of Delta-m within which two methods do as well as each other: half a per cent of a metric on average, and less
than the smallest mean gain that F-MTL's authors report on a dataset of the Multi-MNIST family (0.72 on the mix)."""
GAIN = Region(low=0.0, alike=(-MARGIN, MARGIN))
"""Better; alike within the margin."""
AS_WELL = Region(low=-MARGIN)
"""Not worse by the margin; better is as well, too."""
ALIKE = Region(-MARGIN, MARGIN)
"""The sentence itself is that there is no difference."""
NO_EXTRA_TIME = Region(high=1.1)
"""A tenth more is what rounds of measurement on one machine differ by."""

PLAIN, GSAM, LSAM, SAMO, FMTL = map(Kind, ("none", "gsam", "lsam", "samo", "fmtl"))
SINGLE = Kind("none", networks="separate")


def each(*tests: Test) -> Test:
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
    unit: str = "Δm points",
    region: Region = GAIN,
    case: str = "",
    ratio: bool = False,
    only: Sequence[str] = (),
    datasets: Sequence[str] = (),
    without: Sequence[str] = (),
) -> Test:
    """The measure of the first kind minus that of the second (or divided by it), paired by seed.

    A comparison per dataset and aggregator: those named in `only`, or else all that have both kinds, but for those in
    `without`.
    """

    def test(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
        for base, methods, missing in pairs(evidence, dataset, (first, second), only, without):
            effect = difference(evidence, dataset, *methods, measure=measure, ratio=ratio) if methods else None
            figure, lack = f"{dataset}-{measure.figure}", missing or f"{measure.name} of {' and '.join(methods)}"
            yield Comparison(dataset, effect, region, unit, base, case, figure, lack, methods=methods)

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
        for base, methods, missing in pairs(evidence, dataset, (first, second), without=without):
            steps = {method: step_time(evidence, dataset, method) for method in methods}
            lacking = " and ".join(method for method, step in steps.items() if step is None)
            lack = missing or (f"cost of {lacking}" if lacking else "")
            effect, note = (None, "") if lack else quotient(*filter(None, steps.values()))
            yield Comparison(dataset, effect, region, "times", base, case, f"{dataset}-cost", lack, note)

    return each_dataset(test, datasets)


def quotient(first: StepTime, second: StepTime) -> tuple[Effect, str]:
    """How many times as long the first takes, and in words the same by the count of passes."""
    return of_rounds(first.rounds, second.rounds), f"{first.passes / second.passes:.2f} times by the count of passes"


def difference(
    evidence: Evidence, dataset: str, first: str, second: str, *, measure: Measure = DELTA_M, ratio: bool = False
) -> Effect | None:
    """One method's measure minus another's (or divided by it) on the seeds that both have; None without any."""
    ours, theirs = measure.of(evidence, dataset, first), measure.of(evidence, dataset, second)
    if ours is None or theirs is None:
        return None
    left, right = ours.align(theirs, join="inner")
    found: pd.Series = left / right if ratio else left - right
    return of_seeds(found, ratio) if len(found) else None


def with_gain(test: Test, of: Kind = SAMO) -> Test:
    """A test "as good as SAMO", without an answer where SAMO shows no gain over its base (assay sensitivity).

    A method that does nothing is as good as one that gains nothing. The gain is pooled over the very places of the
    comparisons, not looked for place by place, which would pick the luckiest.
    """

    def tested(evidence: Evidence) -> Sequence[Comparison]:
        found = test(evidence)
        places = {(c.dataset, c.base) for c in found if c.effect}
        own = [c for c in compare(PLAIN, of)(evidence) if (c.dataset, c.base) in places]
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


def pairs(
    evidence: Evidence, dataset: str, kinds: Sequence[Kind], only: Sequence[str] = (), without: Sequence[str] = ()
) -> list[tuple[str, tuple[str, ...], str]]:
    """(aggregator, the methods of these kinds, what is missing): without methods where one of them is missing.

    One such for the dataset where no aggregator has all kinds; with `only`, one for each that is named.
    """
    known = evidence.methods.get(dataset)
    if known is None:
        return [("", (), f"{dataset} is not in the profile")]
    shared = dict.fromkeys(method.aggregator_text for method in known if method.networks == "shared")
    bases = [base for base in shared if base.split()[0] not in without]
    if only:
        bases = [base for name in only for base in ([b for b in bases if b.split()[0] == name] or [name])]
    found: list[tuple[str, tuple[str, ...], str]] = []
    for base in bases:
        methods = {str(kind): find(known, kind, base) for kind in kinds}
        lacking = " and ".join(kind for kind, method in methods.items() if method is None)
        if not lacking:
            found.append((base, tuple(filter(None, methods.values())), ""))
        elif only:
            found.append((base, (), f"{lacking} on {base}"))
    return found or [("", (), f"{' and '.join(map(str, kinds))} on one aggregator")]
