"""Sentences computed from the main table: what this run shows, and what it cannot."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from samo.results.ladder import difference, family, times
from samo.results.method import OWN_RATE
from samo.results.sensitivity import points
from samo.results.stats import BOOTSTRAP_FROM, Interval, paired_interval
from samo.results.tables import is_reference, left_out, metric_columns, text

Row = Mapping[Any, Any]
MARGIN = 0.5
"""Points of Delta-m within which no difference matters: a third of the least gain in the SAMO paper's main tables."""
BESIDE = {
    1: "SAMO does better than {}",
    -1: "SAMO does worse than {}",
    0: "Whether SAMO does better or worse than {} is undecided",
}
EIGENVALUES = {"lambda_max": "largest eigenvalue", "lambda_ratio5": "ratio of the largest to the fifth"}


def interval(row: Row, name: str) -> Interval:
    """The columns `name`, `name`_low and `name`_high of a main table's row."""
    mean, low, high = (row.get(f"{name}{end}", np.nan) for end in ("", "_low", "_high"))
    return Interval(mean, low, high, 0)


def answer(ladder: pd.DataFrame, name: Callable[[str], str] = str) -> list[str]:
    """How SAMO does beside its aggregator and beside its placebo, and of which training that speaks: three sentences.

    `ladder` is a frame of samo.results.ladder.table; of each dataset its longest budget counts. `name` says how people
    write the key of a dataset or an aggregator.
    """
    own = family(ladder)
    own = own[own["updates"] == own.groupby("dataset")["updates"].transform("max")]
    samo = own[own["sharpness"] == "samo"]
    plain = own[(own["sharpness"] == "none") & (own["networks"] == "shared")]
    others = {"its aggregator alone": plain, "a placebo with a coin for its probe": own[own["sharpness"] == "placebo"]}
    said = []
    for words, other in others.items():
        gain, places = difference(samo, other, 0.9)
        if not places:
            continue
        what = BESIDE[difference(samo, other)[0].sign].format(words)
        if gain.low > -MARGIN and gain.high < MARGIN:
            what = f"SAMO does as well as {words}, within {MARGIN} points"
        ends = f"90 % interval {text(gain.low, 2)} to {text(gain.high, 2)}"
        counts = f"{places} conditions, {gain.n} seeds" if places > 1 else f"{gain.n} seeds"
        loss = times(samo, other, 0.9)
        also = f", its test loss is {_told(loss)} times as high"
        rates = _at_rates(ladder, samo) if other is plain else ""
        said.append(
            f"{what}. It gains {text(gain.mean, 2)} points of Δm ({ends}; {counts}){also * bool(loss.n)}{rates}."
        )
    updates = " to ".join(f"{n:,}" for n in sorted({int(own["updates"].min()), int(own["updates"].max())}))
    pairs = samo.merge(plain, on=["dataset", "aggregator", "seed"], suffixes=("", "_plain"))
    factor = pairs["cost"] / pairs["cost_plain"]
    passes = " to ".join(dict.fromkeys(text(end, 1) for end in (factor.min(), factor.max())))
    where, under = (", ".join(map(name, dict.fromkeys(pairs[key]))) for key in ("dataset", "aggregator"))
    rhos = sorted(set(pairs["rho"].dropna()))
    radius = f" at rho {text(rhos[0])}" if len(rhos) == 1 else ""
    said.append(
        f"SAMO takes {passes} times the passes of its aggregator alone (a backward pass counts as two). All of this is "
        f"after {updates} updates of small networks on {where}, under {under}{radius}, and says nothing about the "
        "papers' own scale."
    )
    return said


def _at_rates(ladder: pd.DataFrame, samo: pd.DataFrame) -> str:
    """What SAMO gains at given learning rates where these rows of it are, over the aggregator alone at that rate."""
    given = ladder[ladder["setting"].fillna("").str.startswith(OWN_RATE)]
    here = given.merge(samo[["dataset", "aggregator", "updates"]].drop_duplicates())
    said = []
    for rate, rows in here.groupby("setting"):
        own = rows[(rows["sharpness"] == "samo") & rows["rho"].isin(samo["rho"])]
        gain, places = difference(own, rows[rows["sharpness"] == "none"], 0.9)
        if places:
            said.append(f"{_told(gain)} at {str(rate).removeprefix(OWN_RATE)}")
    return f"; with both at a given learning rate it gains {' and '.join(said)}" if said else ""


def _told(of: Interval) -> str:
    return f"{text(of.mean, 2)} ({text(of.low, 2)} to {text(of.high, 2)})"


def headline(dataset: str, table: pd.DataFrame) -> str:
    """Which sharpness-aware methods differ from their own base method by more than the seeds' noise."""
    rows = [row for row in table.to_dict("records") if not pd.isna(row.get("gain"))]
    if not rows:
        return f"On {dataset} no sharpness-aware method can be compared with its base yet."
    rows.sort(key=lambda row: -abs(row["gain"]))
    better, worse = ([row for row in rows if interval(row, "gain").sign == sign] for sign in (1, -1))
    if not better and not worse:
        return (
            f"On {dataset}, no sharpness-aware method ({len(rows)} were tried) differs from its base by more than "
            "the noise of the seeds: every interval holds zero."
        )
    parts = [f"{len(better)} of {len(rows)} sharpness-aware methods beat their base{_named(better)}"]
    parts += [f"{len(worse)} {'is' if len(worse) == 1 else 'are'} worse{_named(worse)}"] * bool(worse)
    if undecided := len(rows) - len(better) - len(worse):
        parts.append(f"for {undecided} the interval holds zero, so these seeds cannot tell")
    listed = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
    chance = f"{0.05 * len(rows):.1f} would stand clear of zero by chance alone."
    return f"On {dataset}, {listed}. Of {len(rows)} such comparisons, {chance}"


def agreement(table: pd.DataFrame, series: pd.DataFrame) -> str:
    """Whether the mean cosine of task gradients lies higher with sharpness than without, at the end of training.

    `table` is a main table, `series` has method, update, metric, mean, low, high.
    """
    cosine = series[series["metric"] == "cosine_mean"]
    last = {row["method"]: row for row in cosine[cosine["update"] == cosine["update"].max()].to_dict("records")}
    pairs = _pairs(table, last)
    if not pairs:
        return "No sharpness-aware method can be compared with its base here yet."
    higher = sum(ours["mean"] > theirs["mean"] for ours, theirs in pairs)
    up = sum(ours["low"] > theirs["high"] for ours, theirs in pairs)
    down = sum(ours["high"] < theirs["low"] for ours, theirs in pairs)
    return (
        f"At the end the mean cosine is higher than the base method's for {higher} of {len(pairs)} "
        f"sharpness-aware methods; with intervals that do not overlap, it is higher for {up} and lower for {down}."
    )


def flatness(table: pd.DataFrame, numbers: pd.DataFrame) -> str:
    """Whether the Hessian's largest eigenvalue, and its ratio to the fifth, are smaller than the base method's.

    Compared are logarithms, seed by seed on the same data, so that the effect is a factor.
    `table` is a main table, `numbers` a frame of samo.figures.curvature.shown.
    """
    said = []
    for measure, words in EIGENVALUES.items():
        positive = numbers[(numbers["measure"] == measure) & (numbers["value"] > 0)]
        logs = {
            str(method): dict(zip(part["seed"].astype(str), np.log(part["value"]), strict=True))
            for method, part in positive.groupby("method")
        }
        pairs = [paired_interval(ours, theirs) for ours, theirs in _pairs(table, logs)]
        if pairs:
            signs, factor = [pair.sign for pair in pairs], float(np.exp(np.median([pair.mean for pair in pairs])))
            said.append(
                f"The {words} is lower than the base method's for {sum(pair.mean < 0 for pair in pairs)} of "
                f"{len(pairs)} sharpness-aware methods (median factor {text(factor, 2)}); with an interval that leaves "
                f"out 1, it is lower for {signs.count(-1)} and higher for {signs.count(1)}."
            )
    if not said:
        return "No sharpness-aware method's curvature can be compared with its base's here yet."
    again = numbers[(numbers["measure"] == "lambda_max") & (numbers["draws"] > 1)]
    if len(again):
        spread = 100 * (again["high"] / again["low"] - 1).median()
        said.append(f"Another draw of the data moves the largest eigenvalue by {spread:.0f} % (median).")
    residual = text(float(f"{numbers['residual'].max():.1g}"))
    return " ".join([*said, f"The residuals are at most {residual} of their eigenvalue."])


def settings(dataset: str, table: pd.DataFrame) -> str:
    """Which changed settings differ from their default by more than the seeds' noise.

    `table` is that of samo.results.sensitivity.table.
    """
    rows = [row for row in points(table).to_dict("records") if row["role"] == "variant"]
    if not rows:
        return f"On {dataset} no changed setting can be compared with its default yet."
    apart = [row for row in rows if interval(row, "shift").sign]
    said = ", ".join(f"{row['method']} {text(row['shift'], 2)}" for row in apart)
    differ = f"{len(apart) or 'none'} of {len(rows)} changed settings {'differs' if len(apart) == 1 else 'differ'}"
    return (
        f"On {dataset}, {differ} in Δm from the default by more than the noise of the seeds"
        f"{f' ({said})' if said else ''}; by chance alone one would expect {text(0.05 * len(rows), 1)}."
    )


def best(table: pd.DataFrame) -> str:
    """The lowest Delta-m, and whether it beats single-task training beyond the noise."""
    rows = [row for row in table[~is_reference(table)].to_dict("records") if not pd.isna(row.get("delta_m"))]
    if not rows:
        gone = left_out(table)
        nothing = gone and gone == metric_columns(table)
        return f"Delta-m needs single-task runs, which {'are at 0 on every metric' if nothing else 'are missing'}."
    row = min(rows, key=lambda r: r["delta_m"])
    found = interval(row, "delta_m")
    how = {-1: "better than", 0: "not to be told apart from", 1: "worse than"}[found.sign]
    return (
        f"The lowest Δm is that of {row['method']}: {text(found.mean, 2)} % "
        f"(95 % interval {text(found.low, 2)} … {text(found.high, 2)}), {how} single-task training."
    )


def caveats(table: pd.DataFrame, trials: pd.DataFrame) -> list[str]:
    """What a careful reader must know about one dataset's numbers, each with its count."""
    seeds = sorted({int(n) for n in table["n_seeds"] if n})
    out = []
    if seeds:
        out.append(
            f"{' to '.join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))} seeds per method. Intervals are Student's "
            f"t over seeds{' or, where it is wider, a bootstrap' if seeds[-1] >= BOOTSTRAP_FROM else ''}, wide because "
            "so few runs say little about their own noise; an interval that holds zero does not show that there is no "
            "effect."
        )
    if compared := int(table["gain"].notna().sum()) if "gain" in table else 0:
        out.append(
            f"Comparisons with a base method: {compared}, not corrected for their number: at 95 % one expects "
            f"about {text(0.05 * compared, 1)} to leave out zero by chance alone."
        )
    if gone := left_out(table):
        out.append(
            f"Δm is over {len(metric_columns(table)) - len(gone)} of {len(metric_columns(table))} metrics: where "
            f"single-task training is at 0 a relative change has no meaning ({', '.join(gone)}). What a "
            "method gains or loses there is not in Δm."
        )
    if missing := [str(m) for m, n in zip(table["method"], table["n_seeds"], strict=True) if not n]:
        out.append(f"Not run, and shown as gaps: {', '.join(missing)}.")
    if edges := on_edge(trials):
        out.append(
            f"Chosen values on the edge of what was searched, so that a better one may lie outside: {len(edges)}, "
            f"{', '.join(edges)}."
        )
    return out


def on_edge(trials: pd.DataFrame) -> list[str]:
    """ "method (lr)" or "method (rho)" where the choice is the first or last of two or more values tried."""
    out = []
    for method, part in trials.groupby("method", sort=False):
        taken = part[part["chosen"]].head(1)
        for name in ("lr", "rho"):
            tried = part[name].dropna()
            if len(taken) and tried.min() < tried.max() and taken[name].iloc[0] in (tried.min(), tried.max()):
                out.append(f"{method} ({name})")
    return out


def _pairs(table: pd.DataFrame, found: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """What was found of each method of a main table and of its base, of those that have both."""
    bases = dict(zip(table["method"], table["base"], strict=True)) if "base" in table else {}
    return [(found[method], found[base]) for method, base in bases.items() if method in found and base in found]


def _named(rows: list[dict[Any, Any]]) -> str:
    shown = [f"{row['method']} {text(row['gain'], 2)}" for row in rows[:4]] + ["…"] * (len(rows) > 4)
    return f" ({', '.join(shown)})" if rows else ""
