"""Tests that most claims are made of: one kind of sharpness against another on the same aggregator, seed by seed."""

from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd

from samo.aggregation import SCALARISERS
from samo.claims.cells import Kind, bases, find
from samo.claims.effects import Effect, Seeds
from samo.claims.evidence import Evidence
from samo.claims.measures import DELTA_M, Measure, StepTime, step_time
from samo.claims.rule import POSITIVE, Comparison, Region

MARGIN = 0.5
"""Points of Delta-m within which two methods do as well as each other: half a per cent of a metric on average, a
third of the smallest gain over a base method that the SAMO paper's main tables report (FairGrad on NYUv2, 1.59)."""

AS_WELL = Region(low=-MARGIN)
"""Not worse by the margin; better is as well, too."""

DEAREST = Region(high=1.1)
"""What counts as no extra time: a tenth more."""

PLAIN, GSAM, LSAM, SAMO, FMTL = map(Kind, ("none", "gsam", "lsam", "samo", "fmtl"))


def compare(
    evidence: Evidence,
    first: Kind,
    second: Kind,
    measure: Measure = DELTA_M,
    *,
    unit: str = "Δm points",
    region: Region = POSITIVE,
    case: str = "",
    ratio: bool = False,
    only: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    without: Sequence[str] = (),
) -> list[Comparison]:
    """The measure of the first kind minus that of the second (or divided by it), paired by seed.

    A test a dataset and aggregator: those named in `only`, or else all that have both kinds, but for those in
    `without`.
    """
    effect = partial(difference, evidence, measure=measure, ratio=ratio)
    kinds = (first, second)
    found = []
    for dataset in datasets or evidence.datasets:
        for base, methods, missing in pairs(evidence, dataset, kinds, only, without):
            value = effect(dataset, *methods) if methods else None
            lack = missing or ("" if value else f"{measure.name} of {' and '.join(methods)}")
            found.append(Comparison(dataset, value, region, unit, base, case, f"{dataset}-{measure.figure}", lack))
    return found


def each(
    evidence: Evidence, kind: Kind, measure: Measure, *, unit: str, region: Region, case: str = "", sign: int = 1
) -> list[Comparison]:
    """The measure itself (times `sign`) of one kind, a test a dataset and aggregator."""
    found = []
    for dataset in evidence.datasets:
        for base, methods, missing in pairs(evidence, dataset, (kind,)):
            values = measure.of(evidence, dataset, *methods) if methods else None
            effect = None if values is None else Seeds(tuple(sign * values))
            lack = missing or ("" if effect else f"{measure.name} of {methods[0]}")
            found.append(Comparison(dataset, effect, region, unit, base, case, f"{dataset}-{measure.figure}", lack))
    return found


def times(
    evidence: Evidence,
    first: Kind,
    second: Kind,
    *,
    region: Region,
    case: str = "",
    datasets: Sequence[str] | None = None,
) -> list[Comparison]:
    """How many times as long a step of the first kind takes as one of the second, a test a dataset and aggregator."""
    found = []
    for dataset in datasets or evidence.datasets:
        for base, methods, missing in pairs(evidence, dataset, (first, second)):
            steps = [step_time(evidence, dataset, method) for method in methods]
            lacking = [method for method, step in zip(methods, steps, strict=True) if step is None]
            lack = missing or (f"cost of {' and '.join(lacking)}" if lacking else "")
            effect, note = quotient(*steps) if not lack else (None, "")
            found.append(Comparison(dataset, effect, region, "times", base, case, f"{dataset}-cost", lack, note))
    return found


def difference(
    evidence: Evidence, dataset: str, first: str, second: str, *, measure: Measure = DELTA_M, ratio: bool = False
) -> Seeds | None:
    """One method's measure minus another's (or divided by it) on the seeds that both have; None without any."""
    ours, theirs = measure.of(evidence, dataset, first), measure.of(evidence, dataset, second)
    return paired(ours, theirs, ratio)


def paired(ours: pd.Series | None, theirs: pd.Series | None, ratio: bool = False) -> Seeds | None:
    """Two series by seed, subtracted or divided seed by seed."""
    if ours is None or theirs is None:
        return None
    common = [seed for seed in ours.index if seed in theirs.index]
    if not common:
        return None
    left, right = ours.loc[common], theirs.loc[common]
    return Seeds(tuple((left / right if ratio else left - right).astype(float)), ratio)


Pair = tuple[str, list[str], str]


def pairs(
    evidence: Evidence,
    dataset: str,
    kinds: Sequence[Kind],
    only: Sequence[str] | None = None,
    without: Sequence[str] = (),
) -> Iterator[Pair]:
    """(aggregator, the methods of these kinds, what is missing): without methods where one of them is missing.

    One such for the dataset where no aggregator has all kinds; with `only`, one for each that is named.
    """
    known = evidence.cells.get(dataset)
    if known is None:
        yield "", [], f"{dataset} is not in the profile"
        return
    there = bases(known)
    wanted = _named(there, only) if only else [base for base in there if base.split()[0] not in without]
    lines = [(base, {str(kind): find(known, kind, base) for kind in kinds}) for base in wanted]
    whole = [line for line in lines if None not in line[1].values()]
    if not only and not whole:
        yield "", [], f"{' and '.join(map(str, kinds))} on one aggregator"
    for base, methods in lines if only else whole:
        lacking = [kind for kind, method in methods.items() if method is None]
        missing = f"{' and '.join(lacking)} on {base}" if lacking else ""
        yield base, [] if missing else [method for method in methods.values() if method], missing


def _named(there: Sequence[str], only: Sequence[str]) -> list[str]:
    """The aggregators of these names, whatever their options; the name itself where there is none."""
    return [base for name in only for base in ([b for b in there if b.split()[0] == name] or [name])]


def conflict_aware(base: str) -> bool:
    """Whether an aggregator weighs by the tasks' gradients."""
    return base.split()[0] not in SCALARISERS


def quotient(first: StepTime | None, second: StepTime | None) -> tuple[Effect | None, str]:
    """How many times as long the first takes, and in words the same by the count of passes."""
    if first is None or second is None:
        return None, ""
    return first.time / second.time, f"{first.passes / second.passes:.2f} times by the count of passes"
