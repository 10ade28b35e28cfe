"""The rule that turns comparisons into verdicts, the same for every claim; how often it errs: docs/verdicts.md.

A claim compares at *places* (dataset and aggregator), and names the region in which the effect lies if the sentence
holds. The places of one `case` are pooled (`effects.pooled`), and of the pooled effect the rule says

    equivalent      it lies within the claim's margin of "no difference": two one-sided tests of level 5 % (its 90 %
                    interval lies within). This comes first: what is smaller than the margin is no gain.
    supported       its 95 % interval lies inside the region. A region with two ends is tested as equivalence is.
    contradicted    its 95 % interval lies outside the region.
    undecided       none of these; always with fewer than `MIN_SEEDS` seeds, or with a run that diverged.
    not testable    the question has no answer here, e.g. "as good as SAMO" where SAMO shows no gain.
    not run         conditions or an analysis are missing.

Where the truth is on the edge of the region each false verdict has a chance of 2.5 %; of "equivalent", where the truth
is the margin, 5 %. A claim of several cases is as strong as its weakest: supported needs all (an intersection-union
test, which needs no correction; Berger 1982), and a contradiction must outlast Holm's correction for their number.

Places stand beside the pooled effect with verdicts corrected for their number: Dunnett's test where several comparisons
share a method at one place, then Holm's procedure. A pooled "supported" or "equivalent" is kept back where a place says
the opposite, and where a case lacks a place on a dataset that has others of it, or has too few seeds there; a case that
every one of its places contradicts is contradicted, however far apart they lie. Across claims nothing is corrected.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from samo.claims.contrast import Comparison, Region
from samo.claims.correction import holm, shared_control
from samo.claims.effects import pooled
from samo.results.stats import LEVEL, MIN_SEEDS, Interval


class Verdict(StrEnum):
    """What a comparison or a claim comes to."""

    SUPPORTED = "supported"
    EQUIVALENT = "equivalent"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"
    NOT_TESTABLE = "not testable"
    NOT_RUN = "not run"


SUPPORTED, EQUIVALENT, CONTRADICTED, UNDECIDED, NOT_TESTABLE, NOT_RUN = Verdict
ALPHA = 1 - LEVEL
LEVELS = {SUPPORTED: ALPHA / 2, CONTRADICTED: ALPHA / 2, EQUIVALENT: ALPHA}
"""Below which p value of `_p` an effect comes to this."""
WEAKEST_FIRST = (CONTRADICTED, NOT_TESTABLE, UNDECIDED, NOT_RUN, EQUIVALENT, SUPPORTED)
OPPOSITE = {SUPPORTED: {CONTRADICTED}, EQUIVALENT: {CONTRADICTED, SUPPORTED}}
"""What no place may say under a pooled verdict."""


@dataclass(frozen=True)
class Row:
    """A comparison judged: the verdict, why, and the datasets that the verdict speaks of."""

    comparison: Comparison
    verdict: Verdict
    why: str
    datasets: tuple[str, ...] = ()

    @property
    def interval(self) -> Interval:
        """The effect with its 95 % limits; NaN without one."""
        effect = self.comparison.effect
        return effect.interval() if effect else Interval(math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class Judged:
    """A claim judged: as a whole (dataset "all"), case by case (dataset "pooled"), and every comparison."""

    whole: Row
    cases: list[Row]
    places: list[Row]


def judge(comparisons: Sequence[Comparison]) -> Judged:
    """A claim's comparisons, judged apart, pooled by case, and as a whole."""
    places = _places(comparisons)
    names = dict.fromkeys(c.case for c in comparisons if c.effect or c.case) or [""] * bool(comparisons)
    # What has neither a case nor an effect says why a dataset has none of the cases.
    of = [(row, row.comparison.case if row.comparison.case or row.comparison.effect else None) for row in places]
    cases = [_case(name, [row for row, case in of if case in (name, None)]) for name in names]
    # Where every place contradicts its case, the pooled p value says nothing.
    p = [(_p(row.comparison)[CONTRADICTED], row.verdict == CONTRADICTED) for row in cases]
    kept = holm([0.0 if by_places and x >= ALPHA / 2 else x for x, by_places in p], ALPHA / 2)
    for k, row in enumerate(cases):
        if row.verdict == CONTRADICTED and not kept[k]:
            why = f"no contradiction outlasts the correction for {len(cases)} cases"
            cases[k] = replace(row, verdict=UNDECIDED, why=why)
    return Judged(_whole(cases), cases, places)


def _places(comparisons: Sequence[Comparison]) -> list[Row]:
    """Each comparison by itself, its verdict corrected for all of them."""
    corrected = _corrected(comparisons)
    stays = {verdict: holm([p[verdict] for p in corrected], level) for verdict, level in LEVELS.items()}
    rows = []
    for k, c in enumerate(comparisons):
        row = _row(c)
        if row.verdict in stays and not stays[row.verdict][k]:
            row = replace(row, verdict=UNDECIDED, why="not after correction for the places")
        rows.append(replace(row, why=_said(row.why, c.note), datasets=(c.dataset,) if c.effect else ()))
    return rows


def _row(comparison: Comparison) -> Row:
    """The rule for one effect, without correction."""
    effect, region, p = comparison.effect, comparison.region, _p(comparison)
    if effect is None:
        why = comparison.untestable or f"missing: {comparison.missing}"
        return Row(comparison, NOT_TESTABLE if comparison.untestable else NOT_RUN, why)
    if _few(comparison):
        few = f"{effect.n} seed{'s' * (effect.n != 1)}, at least {MIN_SEEDS} are needed"
        return Row(comparison, UNDECIDED, few)
    if region.alike and p[EQUIVALENT] < ALPHA:
        inside = f", if {'above' if math.isinf(region.high) else 'inside'} {region}"
        low, high = region.alike
        return Row(comparison, EQUIVALENT, f"within {low:g} to {high:g}{inside * (p[SUPPORTED] < ALPHA / 2)}")
    if p[SUPPORTED] < ALPHA / 2:
        return Row(comparison, SUPPORTED, "")
    if p[CONTRADICTED] < ALPHA / 2:
        return Row(comparison, CONTRADICTED, "")
    return Row(comparison, UNDECIDED, _doubt(effect.interval(), region))


def _few(comparison: Comparison) -> bool:
    return comparison.effect is not None and 0 < comparison.effect.n < MIN_SEEDS


def _p(comparison: Comparison) -> dict[Verdict, float]:
    """One-sided p values, small where the effect lies inside the region, outside, within the margin; NaN: untested.

    Halved inside a region with two ends, which is tested at 5 %, so that half of that is the level of every region.
    """
    effect, region = comparison.effect, comparison.region
    if effect is None or math.isnan(effect.value):
        return dict.fromkeys(LEVELS, math.nan)
    low, high = math.isfinite(region.low), math.isfinite(region.high)
    inside = max(effect.above(region.low) if low else 0.0, effect.below(region.high) if high else 0.0)
    outside = min(effect.below(region.low) if low else 1.0, effect.above(region.high) if high else 1.0)
    alike = max(effect.above(region.alike[0]), effect.below(region.alike[1])) if region.alike else math.nan
    return {SUPPORTED: inside / 2 if region.two_sided else inside, CONTRADICTED: outside, EQUIVALENT: alike}


def _case(name: str, rows: Sequence[Row]) -> Row:
    """The pooled effect of the places of one case."""
    begun = [row for row in rows if row.comparison.effect is not None]
    ran = [row for row in begun if not _few(row.comparison)] or begun
    few = [row for row in begun if row not in ran]
    lacking = [row for row in rows if row.verdict == NOT_RUN]
    untested = [row for row in rows if row.verdict == NOT_TESTABLE]
    first = (ran or rows)[0].comparison
    head = Comparison("pooled", None, first.region, first.unit, case=name)
    if not ran:
        return replace((untested or lacking)[0], comparison=head)
    effects = [(row.comparison.dataset, row.comparison.effect) for row in ran if row.comparison.effect]
    if all(effect.exact for _, effect in effects):
        weakest = min(ran, key=_strength)
        return replace(weakest, comparison=replace(weakest.comparison, dataset="pooled"))
    whole = pooled(effects)
    carry = [row for row, weight in zip(ran, whole.weights, strict=True) if weight]
    weigh = tuple(dict.fromkeys(row.comparison.dataset for row in carry))
    found = replace(_row(replace(head, effect=whole)), datasets=weigh)
    loud = [_place(r) if r.comparison.dataset in weigh else r.comparison.dataset for r in ran if r not in carry]
    against = [row for row in ran if row.verdict in OPPOSITE.get(found.verdict, ())]
    apart = against or [row for row in ran if row.verdict == CONTRADICTED != found.verdict]
    here = {row.comparison.dataset for row in ran}
    partly = [row.comparison.missing for row in lacking if row.comparison.dataset in here]
    outside = [row.comparison.dataset for row in lacking if row.comparison.dataset not in here]
    why = _said(
        found.why,
        f"{len(carry)} place{'s' * (len(carry) != 1)}",
        f"too noisy to weigh: {_listed(loud)}" if loud else "",
        f"but {apart[0].verdict} on {_listed(map(_place, apart))}" if apart else "",
        f"missing: {_listed(partly)}" if partly else "",
        f"too few seeds: {_listed(map(_place, few))}" if few else "",
        f"not testable on {len(untested)}: {untested[0].comparison.untestable}" if untested else "",
        f"not run: {_listed(outside)}" if outside else "",
    )
    if found.verdict == UNDECIDED and len(ran) > 1 and {row.verdict for row in ran} == {CONTRADICTED}:
        return replace(found, verdict=CONTRADICTED, why=f"at each of {len(ran)} places")
    held = against or ((partly or here & {row.comparison.dataset for row in few}) and found.verdict in OPPOSITE)
    return replace(found, verdict=UNDECIDED if held else found.verdict, why=why)


def _whole(cases: Sequence[Row]) -> Row:
    """As strong as the weakest case, and not run where most cases were not and none is contradicted."""
    absent = [row for row in cases if row.verdict == NOT_RUN]
    refuted = any(row.verdict == CONTRADICTED for row in cases)
    if not cases or (2 * len(absent) > len(cases) and not refuted):
        return Row(Comparison("all"), NOT_RUN, absent[0].why if absent else "missing: every dataset")
    weakest = min(cases, key=lambda row: (WEAKEST_FIRST.index(row.verdict), _strength(row)))
    why = weakest.why
    if len(cases) > 1:
        head = f"{weakest.comparison.case}: {why}" if why else ""
        why = _said(head, *(f"{row.comparison.case}: {row.verdict}" for row in cases if row is not weakest))
    spoken = tuple(dict.fromkeys(dataset for row in cases for dataset in row.datasets))
    verdict = UNDECIDED if weakest.verdict == NOT_RUN else weakest.verdict
    return Row(replace(weakest.comparison, dataset="all"), verdict, why, spoken)


def _corrected(comparisons: Sequence[Comparison]) -> list[dict[Verdict, float]]:
    """The p values, after Dunnett's test where comparisons with a one-sided region share a method at one place."""
    out = [_p(comparison) for comparison in comparisons]
    groups: dict[tuple[str, str], dict[int, dict[int, float]]] = {}
    for k, c in enumerate(comparisons):
        if c.effect and c.effect.by_seed and not (c.region.two_sided or math.isnan(out[k][SUPPORTED])):
            # Each seed's effect beyond the region's end, turned so that above 0 is inside.
            end, sign = (c.region.low, 1) if math.isfinite(c.region.low) else (c.region.high, -1)
            beyond = {seed: sign * (value - c.effect.scale.to(end)) for seed, value in c.effect.by_seed.items()}
            for method in c.methods:
                groups.setdefault((c.dataset, method), {})[k] = beyond
    for members in groups.values():
        if len(members) > 1 and (corrected := shared_control(list(members.values()))):
            for verdict, values in zip((SUPPORTED, CONTRADICTED), corrected, strict=True):
                for k, p in zip(members, values, strict=True):
                    out[k][verdict] = max(out[k][verdict], p)
    return out


def _doubt(interval: Interval, region: Region) -> str:
    """Why nothing is decided, in one clause."""
    if math.isnan(interval.mean):
        return "a value is missing or not finite"
    if math.isnan(interval.low):
        return "the seeds differ in nothing, so their noise is unknown"
    ends = [f"{x:g}" for x in (region.low, region.high) if interval.low <= x <= interval.high]
    return f"the interval holds {' and '.join(ends)}" if ends else "the interval is too wide"


def _strength(row: Row) -> float:
    """How far inside its region an effect lies, in half-widths of its interval; an unknown one is on the edge."""
    interval, region = row.interval, row.comparison.region
    inside = min(interval.mean - region.low, region.high - interval.mean)
    width = (interval.high - interval.low) / 2
    if math.isnan(inside) or math.isnan(width) or inside == 0:
        return 0.0
    return inside / width if width > 0 else math.copysign(math.inf, inside)


def _place(row: Row) -> str:
    return " ".join(filter(None, (row.comparison.dataset, row.comparison.base)))


def _said(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _listed(names: Iterable[str], most: int = 3) -> str:
    """Each once; of more than `most` the first ones and how many more there are."""
    found = list(dict.fromkeys(filter(None, names)))
    rest = [f"{len(found) - most} more"] if len(found) > most else []
    return ", ".join(found[:most] + rest)
