"""Made evidence whose truth is known: what is planted is what a claim must find."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from samo.claims.evidence import COLUMNS, Evidence

BASES = {"ls": 9.0, "mgda": 5.0, "fairgrad": 1.0}
"""Delta-m without sharpness."""
FREE = ("msam", "lookback")
SHARPNESS = ("none", "gsam", "lsam", "samo", "fmtl", "placebo", "samo-shared", "samo-sampled", *FREE)
SEEDS = tuple(range(6))
NOISE = 0.025
"""Of a seed, in points of Delta-m: as much shared by all methods as is a method's own."""
TASKS = {"multimnist": 2, "scenes": 3, "qm9": 11, "celeba": 40, "officehome": 4}

Cell = tuple[str, str, str, str, Mapping[str, Any], float]
"""Of a method: name, aggregator, sharpness, networks, changed fields, Delta-m."""


def world(
    *,
    datasets: Sequence[str] = ("multimnist",),
    bases: Mapping[str, float] = BASES,
    sharpness: Sequence[str] = SHARPNESS,
    seeds: Sequence[int] = SEEDS,
    gain: Mapping[str, float] | None = None,
    single: bool = True,
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
        extra: more methods: aggregator, sharpness (or "sharpness+optimizer"), changed fields, gain.
        flat_single: the gain of F-STL, where it is run.
        ladder: {budget: `gain` there}, in the place of one budget.
        aside: {metric that does not count: {sharpness: how many times as high}}.
    """
    alone: list[Cell] = [("stl", "ls", "none", "separate", {}, 0.0)] if single else []
    if flat_single is not None:
        alone.append(("f-stl", "ls", "fmtl", "separate", {}, -flat_single))
    rows = []
    for updates, better in (ladder or {1000: gain or {}}).items():
        rng = np.random.default_rng(updates if ladder else seed)
        cells: list[Cell] = [
            (name(a, s), a, s, "shared", {}, delta - better.get(f"{s} {a}", better.get(s, 0.0)))
            for a, delta in bases.items()
            for s in sharpness
        ]
        cells += [
            (f"{s}-{a}-{'-'.join(map(str, fields.values()))}", a, s, "shared", fields, bases[a] - more)
            for a, s, fields, more in extra
        ]
        for dataset in datasets:
            shared = rng.normal(0, NOISE, len(seeds))
            for method, aggregator, kind, networks, fields, delta in cells + alone:
                own = rng.normal(0, NOISE, len(seeds))
                kind, _, optimizer = kind.partition("+")
                head = (dataset, method, False, aggregator, kind, networks, optimizer, fields, updates)
                for one, wobble in zip(seeds, shared + own, strict=True):
                    # An error of 1 for STL: Delta-m is its change in per cent.
                    measured = [("error", 1.0 + (delta + wobble) / 100, True)]
                    for metric, times in (aside or {}).items():
                        measured.append((metric, times.get(kind, 1.0) * (1 + wobble / 10), False))
                    rows += [
                        (*head, 0.01, None, None, one, f"t{k}", metric, value, False, counts)
                        for metric, value, counts in measured
                        for k in range(TASKS[dataset])
                    ]
    return Evidence(datasets=tuple(datasets), runs=pd.DataFrame(rows, columns=COLUMNS["runs"]), **frames)


def name(aggregator: str, sharpness: str) -> str:
    """A method's name."""
    return aggregator if sharpness == "none" else f"{sharpness}-{aggregator}"


def history(levels: Mapping[str, Sequence[float]], metric: str, split: str) -> pd.DataFrame:
    """Histories of one metric on all aggregators: {sharpness: its value per epoch}."""
    rng = np.random.default_rng(1)
    rows = [
        ("multimnist", name(a, s), 1000, seed, epoch, split, "all", metric, value + rng.normal(0, 0.003))
        for a in BASES
        for s, values in levels.items()
        for seed in SEEDS
        for epoch, value in enumerate(values, 1)
    ]
    return pd.DataFrame(rows, columns=COLUMNS["history"])


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
    return pd.DataFrame(rows, columns=COLUMNS["curvature"])


def cost(ratios: Mapping[str, float], dataset: str = "multimnist") -> pd.DataFrame:
    """Step times on all aggregators: {sharpness: multiple of an LS step}, quartiles 1 % either side."""
    rows = [(dataset, name(a, s), 4.0 * r, r, 0.99 * r, 1.01 * r, r, 3.0) for a in BASES for s, r in ratios.items()]
    return pd.DataFrame(rows, columns=COLUMNS["cost"])


def probe(cosine: float, raw: float = 0.0, remembered: float | None = None) -> pd.DataFrame:
    """SPSA's cosine on the whole trunk, layer-normalised and raw, beside rows that the method does not use."""
    names = ["source", "statistics", "estimator", "layer_normalised", "directions", "params"]
    other = 1.0 - cosine
    rows = [
        ("trained", "running", "spsa", True, 1, 30_000, cosine),
        ("trained", "running", "spsa", False, 1, 30_000, raw),
        ("trained", "running", "spsa", True, 1, 300, other),
        ("trained", "running", "spsa", True, 64, 30_000, other),
        ("trained", "running", "random", True, 1, 30_000, other),
        ("trained", "batch", "spsa", True, 1, 40_000, other),
        ("init", "running", "spsa", True, 1, 40_000, other),
        ("linear", "running", "spsa", True, 1, 100_000, other),
    ]
    if remembered is not None:
        rows.append(("training", "running", "remembered", False, 1, 30_000, remembered))
        rows.append(("training", "running", "spsa", True, 1, 30_000, cosine))
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
        ("multimnist", a, 1000, seed, epoch, f"layer{k}", k / (len(moves) - 1), move * epoch / 3 + rng.normal(0, 0.01))
        for a in BASES
        for seed in SEEDS
        for k, move in enumerate(moves)
        for epoch in range(4)
    ]
    return pd.DataFrame(rows, columns=COLUMNS["layers"])
