"""What a budget buys: Delta-m and gain of every training beside its updates and its compute, and pooled over places.

A place is a dataset with an aggregator. A gain is a fall of Delta-m in points, paired by seed; above 0 is better.
Another optimiser without sharpness stands beside the sharpnesses, as a control, under its own name.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from samo.results.method import OWN_RATE, MethodSpec, standing_for
from samo.results.metrics import delta_m
from samo.results.stats import MIN_SEEDS, Interval, mean_interval

KEYS = ["dataset", "method", "aggregator", "sharpness", "setting", "main", "networks", "updates", "rho", "lr", "seed"]
COLUMNS = [*KEYS, "delta_m", "gain", "against_last", "loss", "cost"]
POOLED = ["sharpness", "updates", "cost", "gain", "gain_low", "gain_high", "conditions", "n_seeds"]


def table(runs: pd.DataFrame, units: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    """A row per dataset, method, budget and seed: `COLUMNS`.

    Args:
        runs: test values as in `samo.claims.evidence.Evidence.runs`.
        units: (dataset, method) -> passes of a step in those of an LS step; the cost is so many times the updates.

    Returns:
        delta_m in per cent, against the mean of the single-task runs of the same budget; a dataset and budget without
        such runs has no rows. sharpness: the preset, or the optimiser of a method without one that has its own.
        setting: what else it changes, but for radii. main: whether it stands for its sharpness. gain is NaN for a
        method that has no base, and where its base lacks the seed. against_last: Delta-m against the single-task runs
        of the dataset's longest budget, by which budgets compare; NaN where that has none. loss: of the test data, the
        geometric mean over tasks, whose units may differ; NaN where it was not kept.
    """
    losses = runs[runs["metric"] == "loss"].assign(log=lambda rows: np.log(rows["value"].astype(float)))
    loss_of = np.exp(losses.groupby(["dataset", "method", "updates", "seed"])["log"].mean())
    counted = runs[runs["counts"].astype(bool)]
    longest = counted[counted["updates"] == counted.groupby("dataset")["updates"].transform("max")]
    single_task = longest[(longest["networks"] == "separate") & (longest["sharpness"] == "none")]
    alone = single_task.groupby(["dataset", "task", "metric"])["value"].mean()
    found = []
    for (dataset, updates), part in counted.groupby(["dataset", "updates"], sort=False):
        heads = _methods(part)
        single = heads.index[heads["single"]]
        if single.empty:
            continue
        higher = part.drop_duplicates(["task", "metric"]).set_index(["task", "metric"])["higher_is_better"].astype(bool)
        last = alone.reindex([(dataset, *measure) for measure in higher.index])
        wide = part.pivot(index=["method", "seed"], columns=["task", "metric"], values="value")  # noqa: PD010
        values = wide.astype(float)[higher.index].reindex(heads.index, level="method")
        own = pd.Series(delta_m(values, values.loc[single[0]].mean(skipna=False), higher), values.index)
        rows = values.index.to_frame(index=False).merge(heads, on="method")
        made = rows.assign(
            delta_m=own.to_numpy(),
            gain=own.reindex(pd.MultiIndex.from_frame(rows[["base", "seed"]])).to_numpy() - own.to_numpy(),
            against_last=delta_m(values, last, higher),
            loss=loss_of.reindex([(dataset, method, updates, seed) for method, seed in values.index]).to_numpy(),
            cost=rows["method"].map({m: ratio for (d, m), ratio in units.items() if d == dataset}) * rows["updates"],
        )
        found.append(made.reindex(columns=COLUMNS))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)


def _methods(part: pd.DataFrame) -> pd.DataFrame:
    """What the methods of a dataset and budget are, by name, with `single` and the name of the base, if any."""
    heads = part.drop_duplicates("method").set_index("method")
    known = [MethodSpec.of_row(row) for row in heads.reset_index().to_dict("records")]
    kinds = [_kind(spec) for spec in known]
    standing = [standing_for([one for one, other in zip(known, kinds, strict=True) if other == kind]) for kind in kinds]
    bases = [_base(spec, known) for spec in known]
    return heads.drop(columns="seed").assign(
        sharpness=[kind[2] for kind in kinds],
        setting=[kind[3] for kind in kinds],
        main=[one is spec and not kind[3] for one, spec, kind in zip(standing, known, kinds, strict=True)],
        single=[spec.single for spec in known],
        base=[base.name if base else "" for base in bases],
    )


def _kind(spec: MethodSpec) -> tuple[str, str, str, str]:
    """Networks, aggregator, sharpness and setting, as the table has them."""
    changes = [f"{key} {value}" for key, value in spec.changed.items()]
    if spec.control:
        return spec.networks, spec.aggregator_text, spec.optimizer, ", ".join(changes)
    return spec.networks, spec.aggregator_text, spec.sharpness, ", ".join(filter(None, (spec.optimizer, *changes)))


def _base(spec: MethodSpec, known: Iterable[MethodSpec]) -> MethodSpec | None:
    """That of a control is the plain method with the dataset's optimiser."""
    plain = (spec.networks, spec.aggregator_text, "none", "")
    return next((other for other in known if other.family == plain), None) if spec.control else spec.base(known)


def family(ladder: pd.DataFrame) -> pd.DataFrame:
    """The rows that can be pooled seed by seed: a method per place and sharpness.

    Of the datasets those with the most budgets, and of these those with the most seeds.
    """
    own: pd.DataFrame = ladder[ladder["main"].astype(bool)]
    for column in ("updates", "seed"):
        count = own.groupby("dataset")[column].transform("nunique")
        own = own[count == count.max()]
    return own


def difference(
    first: pd.DataFrame, second: pd.DataFrame, level: float = 0.95, column: str = "delta_m"
) -> tuple[Interval, int]:
    """By how much Delta-m of `first` lies below that of `second`, pooled over places, and of how many places.

    Both are rows of `table` with one method per place. Seeds are the units, since places share their bases: the places'
    differences are averaged seed by seed, and the interval is Student's over the seeds that all places have.
    """
    keys = ["dataset", "aggregator", "updates", "seed"]
    both = first.merge(second, on=keys, suffixes=("", "_other"))
    both["gain"] = both[f"{column}_other"] - both[column]
    grid = both.pivot_table(index="seed", columns=keys[:3], values="gain", dropna=False).dropna(axis=1, how="all")
    return mean_interval(grid.dropna().mean(axis=1), level), grid.shape[1]


def times(first: pd.DataFrame, second: pd.DataFrame, level: float = 0.95) -> Interval:
    """The test loss of `first` over that of `second`, pooled as in `difference`; of no seed where none were kept."""
    one, other = (frame.assign(loss=np.log(frame["loss"].astype(float))) for frame in (first, second))
    found, places = difference(other, one, level, "loss")
    mean, low, high = np.exp(found[:3])
    return Interval(mean, low, high, found.n if places else 0)


def pooled(ladder: pd.DataFrame) -> pd.DataFrame:
    """The gain of each sharpness at each budget, pooled over places as in `difference`: `POOLED`.

    The cost is the mean over places. Each line covers one set of places: those that have all budgets of the sharpness;
    where there is none, those at its longest budget, and only budgets that have just these. Where some points have
    `MIN_SEEDS` seeds, those with fewer are left out: they have hardly an interval.
    """
    rows = []
    for sharpness, own in family(ladder).dropna(subset=["gain"]).groupby("sharpness", sort=False):
        own = own.assign(place=own["dataset"] + " " + own["method"])
        by_budget = {n: set(part["place"]) for n, part in own.groupby("updates")}
        everywhere = set.intersection(*by_budget.values())
        places = everywhere or by_budget[own["updates"].max()]
        for updates, part in own[own["place"].isin(places)].groupby("updates"):
            if everywhere or by_budget[updates] == places:
                grid = part.pivot_table(index="seed", columns="place", values="gain").dropna()
                found = mean_interval(grid.mean(axis=1))
                rows.append((sharpness, updates, part["cost"].mean(), *found[:3], len(places), found.n))
    points = pd.DataFrame(rows, columns=POOLED)
    enough = points["n_seeds"] >= MIN_SEEDS
    return points[enough].reset_index(drop=True) if enough.any() else points


def equal_compute(ladder: pd.DataFrame) -> pd.DataFrame:
    """The same ladder with gains at equal compute: over the base's longest budget that costs no more.

    Both are measured against the single-task runs of the longest budget: those of shorter ones are weaker. Kept are the
    rows whose base has a longer budget for no more compute: elsewhere nothing was spent on plain updates instead.
    """
    plain = ladder[(ladder["sharpness"] == "none") & (ladder["networks"] == "shared") & ladder["main"].astype(bool)]
    keys = ["dataset", "aggregator", "seed"]
    both = ladder.dropna(subset=["gain"]).merge(
        plain[[*keys, "updates", "against_last", "cost"]], on=keys, suffixes=("", "_base")
    )
    both = both[(both["cost_base"] <= both["cost"]) & (both["updates_base"] > both["updates"])]
    best = both.sort_values("updates_base").drop_duplicates(["dataset", "method", "updates", "seed"], keep="last")
    return best.assign(gain=best["against_last_base"] - best["against_last"])[COLUMNS]


def doses(ladder: pd.DataFrame) -> pd.DataFrame:
    """The gain against rho at each dataset's longest budget: dataset, aggregator, sharpness, method, rho, gain …"""
    last = _longest(ladder).dropna(subset=["rho"])
    return _gains(last[last["setting"] == ""], ["dataset", "aggregator", "sharpness", "method"], "rho")


def rates(ladder: pd.DataFrame) -> pd.DataFrame:
    """The gain against the learning rate, all over the aggregator alone at its searched rate, at the longest budgets.

    Of each dataset and aggregator that were trained at given rates, with the seeds that all methods have there, so that
    points compare; of each sharpness the radius that stands for it.
    Columns: dataset, aggregator, sharpness, method, lr, gain …
    """
    last, keys = _longest(ladder), ["dataset", "aggregator"]
    last = last[last["networks"] == "shared"]
    plain = last[last["sharpness"] == "none"]
    given = plain[plain["setting"].str.startswith(OWN_RATE)]
    own = last[last["setting"].isin({"", *given["setting"]})].merge(given[keys].drop_duplicates())
    radii = last.loc[last["main"].astype(bool), [*keys, "sharpness", "rho"]].drop_duplicates()
    own = own.merge(radii, on=[*keys, "sharpness"], suffixes=("", "_main"))
    own = own[own["rho"].eq(own["rho_main"]) | own["rho_main"].isna()]
    searched = plain.loc[plain["setting"] == "", [*keys, "seed", "delta_m"]]
    both = own.merge(searched, on=[*keys, "seed"], suffixes=("", "_searched"))
    both["gain"] = both["delta_m_searched"] - both["delta_m"]
    having = both.groupby([*keys, "seed"])["method"].transform("nunique")
    both = both[having == both.groupby(keys)["method"].transform("nunique")]
    return _gains(both, [*keys, "sharpness", "method"], "lr")


def variants(ladder: pd.DataFrame) -> pd.DataFrame:
    """The gains of a sharpness with this or that setting, beside those without, at the budget that most of them have.

    Of each dataset the budget with the most settings, of its aggregators those that have some; no row without any.
    A setting that the aggregator alone has, too (a learning rate), is none of a sharpness.
    Columns: dataset, updates, sharpness, setting, method, rho, units (passes of a step in those of LS), gain …
    """
    own = ladder.dropna(subset=["gain"]).assign(setting=ladder["setting"].fillna(""))
    own = own[~own["setting"].isin(set(ladder.loc[ladder["sharpness"] == "none", "setting"].dropna()) - {""})]
    own, parts = own.assign(units=own["cost"] / own["updates"]), []
    for dataset, part in own[own["setting"] != ""].groupby("dataset", sort=False):
        count = part.groupby("updates")["method"].nunique()
        updates = count[count == count.max()].index.max()
        bases = set(part.loc[part["updates"] == updates, "aggregator"])
        here = (own["dataset"] == dataset) & (own["updates"] == updates) & own["aggregator"].isin(bases)
        parts.append(own[here & (own["main"].astype(bool) | (own["setting"] != ""))])
    keys = ["dataset", "updates", "sharpness", "setting", "method"]
    return _gains(pd.concat(parts) if parts else own[:0], keys, "rho", "units")


def _longest(ladder: pd.DataFrame) -> pd.DataFrame:
    """Each dataset's longest budget; a CSV has no empty text for the setting."""
    last = ladder[ladder["updates"] == ladder.groupby("dataset")["updates"].transform("max")]
    return last.assign(setting=last["setting"].fillna(""))


def _gains(rows: pd.DataFrame, keys: list[str], *first: str) -> pd.DataFrame:
    """The mean gain of each group of seeds: the keys, the group's first value of others, gain with limits, n_seeds."""
    found = []
    for key, one in rows.dropna(subset=["gain"]).groupby(keys, sort=False):
        gain = mean_interval(one["gain"])
        found.append((*key, *one[list(first)].iloc[0], *gain[:3], gain.n))
    table = pd.DataFrame(found, columns=[*keys, *first, "gain", "gain_low", "gain_high", "n_seeds"])
    return table.astype(dict.fromkeys(first, float))
