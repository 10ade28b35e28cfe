"""Made evidence whose truth is known: what is planted is what a claim must find."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from samo.claims.evidence import Evidence

BASES = {"ls": 9.0, "mgda": 5.0, "fairgrad": 1.0}
"""Delta-m without sharpness."""
FREE = ("msam", "lookback")
SHARPNESS = ("none", "gsam", "lsam", "samo", "fmtl", "placebo", "samo-shared", "samo-sampled", *FREE)
SEEDS = tuple(range(6))
TASKS = {"multimnist": 2, "scenes": 3, "qm9": 11, "celeba": 40, "officehome": 4}


def world(
    *,
    datasets: Sequence[str] = ("multimnist",),
    bases: Mapping[str, float] = BASES,
    sharpness: Sequence[str] = SHARPNESS,
    seeds: Sequence[int] = SEEDS,
    gain: Mapping[str, float] | None = None,
    single: bool = True,
    noise: float = 0.05,
    extra: Sequence[tuple[str, str, Mapping[str, Any], float]] = (),
    flat_single: float | None = None,
    seed: int = 0,
    ladder: Mapping[int, Mapping[str, float]] | None = None,
    aside: Mapping[str, Mapping[str, float]] | None = None,
    **frames: Any,
) -> Evidence:
    """Runs on these datasets, with the frames of analyses as given.

    Args:
        bases: {aggregator: Delta-m of it without sharpness}.
        gain: {sharpness, or "sharpness aggregator": points of Delta-m by which it is better}; 0 where not named.
        single: whether there are STL runs, the zero of Delta-m.
        noise: of a seed, in points of Delta-m: half of it shared by all methods, half a method's own.
        extra: more methods: aggregator, sharpness (or "sharpness+optimizer"), changed fields, gain.
        flat_single: the gain of F-STL, where it is run.
        ladder: {budget: `gain` there}, in the place of one budget.
        aside: {metric that does not count: {sharpness: how many times as high}}.
    """
    if ladder:
        given = {"datasets": datasets, "bases": bases, "sharpness": sharpness, "seeds": seeds, "extra": extra}
        rungs = {n: world(gain=own, noise=noise, seed=n, **given).runs for n, own in ladder.items()}  # type: ignore[arg-type]
        runs = pd.concat([rung.assign(updates=n) for n, rung in rungs.items()], ignore_index=True)
        return Evidence(datasets=tuple(datasets), runs=runs, **frames)
    better = dict(gain or {})
    rng = np.random.default_rng(seed)
    cells: list[tuple[str, str, str, str, Mapping[str, Any], float]] = [
        (name(a, s), a, s, "shared", {}, delta - better.get(f"{s} {a}", better.get(s, 0.0)))
        for a, delta in bases.items()
        for s in sharpness
    ]
    cells += [
        (f"{s}-{a}-{'-'.join(map(str, fields.values()))}", a, s, "shared", fields, bases[a] - more)
        for a, s, fields, more in extra
    ]
    if single:
        cells.append(("stl", "ls", "none", "separate", {}, 0.0))
    if flat_single is not None:
        cells.append(("f-stl", "ls", "fmtl", "separate", {}, -flat_single))
    rows = []
    for dataset in datasets:
        shared = rng.normal(0, noise / 2, len(seeds))
        for method, aggregator, kind, networks, fields, delta in cells:
            own = rng.normal(0, noise / 2, len(seeds))
            kind, _, optimizer = kind.partition("+")
            head = (dataset, method, aggregator, kind, optimizer, networks, fields, 0.01, None, None)
            for seed, wobble in zip(seeds, shared + own, strict=True):
                # An error of 1 for STL: Delta-m is its change in per cent.
                value = 1.0 + (delta + wobble) / 100
                rows += [(*head, seed, f"t{k}", "error", value, False, True) for k in range(TASKS[dataset])]
                for metric, times in (aside or {}).items():
                    high = times.get(kind, 1.0) * (1 + wobble / 10)
                    rows += [(*head, seed, f"t{k}", metric, high, False, False) for k in range(TASKS[dataset])]
    names = ["dataset", "method", "aggregator", "sharpness", "optimizer", "networks", "fields", "lr", "rho", "alpha"]
    runs = pd.DataFrame(rows, columns=[*names, "seed", "task", "metric", "value", "higher_is_better", "counts"])
    return Evidence(datasets=tuple(datasets), runs=runs, **frames)


def name(aggregator: str, sharpness: str) -> str:
    """A method's name."""
    return aggregator if sharpness == "none" else f"{sharpness}-{aggregator}"


def history(
    levels: Mapping[str, Sequence[float]], metric: str, split: str, dataset: str = "multimnist"
) -> pd.DataFrame:
    """Histories of one metric on all aggregators: {sharpness: its value per epoch}."""
    rng = np.random.default_rng(1)
    rows = [
        (dataset, name(a, s), seed, epoch, split, "all", metric, value + rng.normal(0, 0.003))
        for a in BASES
        for s, values in levels.items()
        for seed in SEEDS
        for epoch, value in enumerate(values, 1)
    ]
    return pd.DataFrame(rows, columns=["dataset", "method", "seed", "update", "split", "task", "metric", "value"])


def curvature(levels: Mapping[str, float], ratio: Mapping[str, float] | None = None) -> pd.DataFrame:
    """lambda_max, and lambda_max / lambda_5, on all aggregators: {sharpness: value}; two data draws each."""
    rng = np.random.default_rng(2)
    rows = [
        ("multimnist", name(a, s), seed, "all", draw, measure, value * np.exp(rng.normal(0, 0.02)), 0.0)
        for a in BASES
        for measure, found in (("lambda_max", levels), ("lambda_ratio5", ratio or levels))
        for s, value in found.items()
        for seed in SEEDS
        for draw in range(2)
    ]
    return pd.DataFrame(rows, columns=["dataset", "method", "seed", "task", "draw", "measure", "value", "residual"])


def cost(ratios: Mapping[str, float], dataset: str = "multimnist") -> pd.DataFrame:
    """Step times on all aggregators: {sharpness: multiple of an LS step}, quartiles 1 % either side."""
    rows = [(dataset, name(a, s), 4.0 * r, r, 0.99 * r, 1.01 * r, r, 3.0) for a in BASES for s, r in ratios.items()]
    names = ["dataset", "method", "step_ms", "ratio", "ratio_low", "ratio_high", "count_ratio", "memory_mb"]
    return pd.DataFrame(rows, columns=names)


def probe(cosine: float, raw: float = 0.0, remembered: float | None = None) -> pd.DataFrame:
    """SPSA's cosine on the whole trunk, layer-normalised and raw, beside rows that the method does not use."""
    names = ["source", "statistics", "estimator", "layer_normalised", "directions", "params"]
    other = 1.0 - cosine
    rows = [
        ("trained", "running", "spsa", True, 1, 30_000, cosine),
        ("trained", "running", "spsa", False, 1, 30_000, raw),
        *([("training", "running", "remembered", False, 1, 30_000, remembered)] if remembered is not None else []),
        *([("training", "running", "spsa", True, 1, 30_000, cosine)] if remembered is not None else []),
        ("trained", "running", "spsa", True, 1, 300, other),
        ("trained", "running", "spsa", True, 64, 30_000, other),
        ("trained", "running", "random", True, 1, 30_000, other),
        ("trained", "batch", "spsa", True, 1, 40_000, other),
        ("init", "running", "spsa", True, 1, 40_000, other),
        ("linear", "running", "spsa", True, 1, 100_000, other),
    ]
    frame = pd.DataFrame(rows, columns=[*names, "cosine"])
    frame = frame.assign(dataset="multimnist", method="samo-ls", seed=0, n=8, theory=0.0)
    return frame.assign(cosine_low=frame["cosine"] - 0.01, cosine_high=frame["cosine"] + 0.01)


def toys(distance: float, flatter: float) -> pd.DataFrame:
    """Ends of the trajectories with LS on the quadratics, and one on another toy that is no evidence here."""
    rows = [
        ("quadratics", 1, "ls", "none", 0.6, 0.3, 1.5 * flatter),
        ("quadratics", 1, "ls", "gsam", 0.6 + distance, 0.3, 1.5),
        ("valleys", 1, "ls", "none", 9.0, 9.0, 100.0),
        ("valleys", 1, "ls", "gsam", 0.0, 0.0, 1.0),
    ]
    return pd.DataFrame(rows, columns=["toy", "start", "aggregator", "sharpness", "x1", "x2", "lambda_max"])


def layers(moves: Sequence[float]) -> pd.DataFrame:
    """Cosines of the plain methods' layers, that move by so much over the epochs."""
    rng = np.random.default_rng(3)
    rows = [
        ("multimnist", a, seed, epoch, f"layer{k}", k / (len(moves) - 1), move * epoch / 3 + rng.normal(0, 0.01))
        for a in BASES
        for seed in SEEDS
        for k, move in enumerate(moves)
        for epoch in range(4)
    ]
    return pd.DataFrame(rows, columns=["dataset", "method", "seed", "update", "layer", "position", "cosine"])
