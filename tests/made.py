"""Made runs, as the training stage writes them, with known effects: for tests and for looking at."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from samo.analysis import probe

AGGREGATORS = {"ls": 0.0, "mgda": -1.5, "fairgrad": 0.6}
SHARPNESS = {"none": 0.0, "gsam": 0.2, "lsam": 0.3, "samo": 1.6, "fmtl": 0.5}
TASKS = ["left", "right"]
SEEDS = ["0", "1", "2"]
UPDATES = 4


def method_names() -> dict[str, tuple[str, str]]:
    """{method: (aggregator, sharpness)} of the laptop profile's shape."""
    joint = {a if s == "none" else f"{s}-{a}": (a, s) for a in AGGREGATORS for s in SHARPNESS}
    return {"stl": ("ls", "none")} | joint


def made_run(method: str, dataset: str = "multimnist", noise: float = 0.5) -> dict[str, Any]:
    """A condition at its one budget: seed noise is shared between methods, so that pairing by seed pays."""
    aggregator, sharpness = method_names()[method]
    gain = 1.2 if method == "stl" else AGGREGATORS[aggregator] + SHARPNESS[sharpness]
    own = np.random.default_rng([len(method), *method.encode()])
    seeds: dict[str, Any] = {}
    for seed in SEEDS:
        shared = np.random.default_rng([7, int(seed)]).normal(0, noise)
        seeds[seed] = {
            task: {"accuracy": round(90 - i + gain + shared + own.normal(0, noise / 4), 6)}
            for i, task in enumerate(TASKS)
        }
    rhos = [None] if sharpness == "none" else [0.01, 0.05, 0.2]
    tried = [*((0.003, rho) for rho in rhos), (0.001, rhos[0]), (0.01, rhos[0])]
    scores = [round(80 + gain - 3 * abs(np.log10(lr) + 2.6) - (rho or 0) * 3, 6) for lr, rho in tried]
    trials = [{"lr": t[0], "rho": t[1], "scores": {}, "score": score} for t, score in zip(tried, scores, strict=True)]
    chosen = max(trials, key=lambda trial: trial["score"])
    return {
        "dataset": dataset,
        "method": method,
        "aggregator": aggregator,
        "sharpness": sharpness,
        "networks": "separate" if method == "stl" else "shared",
        "options": {},
        "fields": {},
        "optimizer": "",
        "tasks": TASKS,
        "metrics": [
            {"task": t, "metric": "accuracy", "higher_is_better": True, "unit": "%", "counts": True} for t in TASKS
        ],
        "aside": [],
        "updates": UPDATES,
        "search": {"trials": trials, "chosen": {"lr": chosen["lr"], "rho": chosen["rho"]}},
        "seeds": seeds,
    }


def made_variant(of: str, name: str, fields: dict[str, Any], gain: float = 0.0, noise: float = 0.0) -> dict[str, Any]:
    """A made run once more under another name, with these fields of its sharpness changed, `gain` points better."""
    run = made_run(of)
    own = np.random.default_rng([len(name), *name.encode()])
    for results in run["seeds"].values():
        for values in results.values():
            values["accuracy"] += gain + own.normal(0, noise)
    if "rho" in fields:
        run["search"] = {"trials": [], "chosen": {"lr": 0.003, "rho": fields["rho"]}}
    return run | {"method": name, "fields": fields}


def _write(root: Path, run: dict[str, Any], history: pd.DataFrame) -> Path:
    """Write a condition's metrics.json, search and history; returns the folder of the first."""
    folder, searched = (root / "data" / kind / run["dataset"] for kind in ("runs", "search"))
    own: Path = folder / str(run["method"])
    for made in (own, searched):
        made.mkdir(parents=True, exist_ok=True)
    metrics = {k: v for k, v in run.items() if k not in ("aside", "search", "seeds")}
    budget = {"chosen": run["search"]["chosen"], "seeds": run["seeds"]}
    metrics |= {"metrics": [*run["metrics"], *run["aside"]], "updates": {str(run["updates"]): budget}}
    (own / "metrics.json").write_text(json.dumps(metrics))
    (searched / f"{run['method']}.json").write_text(json.dumps({"1": run["search"] | {"extended": []}}))
    history.to_csv(own / "history.csv", index=False)
    return own


def made_history(method: str, updates: int = UPDATES) -> pd.DataFrame:
    """A cell's history.csv: curves that end at the run's test values, and probe rows for joint methods."""
    run = made_run(method)
    rows: list[tuple[int, int, str, str, str, float]] = []
    for seed, results in run["seeds"].items():
        noise = np.random.default_rng([int(seed), *method.encode()])
        for update in range(1, updates + 1):
            short = 14 * 0.35**update - 14 * 0.35**updates
            for task in TASKS:
                accuracy = results[task]["accuracy"] - short
                rows += [(int(seed), update, "train", task, "loss", 2 * 0.5**update)]
                for split in ("val", "test"):
                    rows += [(int(seed), update, split, task, "loss", 0.1 + 2 * 0.55**update)]
                    rows += [(int(seed), update, split, task, "accuracy", accuracy)]
            if method != "stl":
                cosine = -0.1 + 0.05 * update + 0.2 * (run["sharpness"] != "none") + noise.normal(0, 0.03)
                share = float(np.clip(0.5 - cosine, 0, 1))
                noted = {"cosine_mean": cosine, "cosine_min": cosine, "conflict_share": share}
                noted["magnitude_ratio"] = 0.9 - share
                rows += [(int(seed), update, "probe", "all", metric, value) for metric, value in noted.items()]
                rows += [(int(seed), update, "train", "all", "minibatch_conflict", share)]
    found = pd.DataFrame(rows, columns=["seed", "update", "split", "task", "metric", "value"])
    return found.round(6).assign(updates=UPDATES)


def made_layers(updates: int = UPDATES) -> pd.DataFrame:
    """A cell's layers.csv: of six layers the first falls by 0.4 over training, the last rises by 0.2, others stay."""
    rows = [
        (int(seed), update, f"{d}.weight", d / 5, 0.1 * (d - 2) + slope * update / updates + 0.01 * int(seed))
        for seed in SEEDS
        for update in range(updates + 1)
        for d, slope in enumerate((-0.4, 0, 0, 0, 0, 0.2))
    ]
    found = pd.DataFrame(rows, columns=["seed", "update", "layer", "position", "cosine"])
    return found.round(6).assign(updates=UPDATES)


def made_cost() -> pd.DataFrame:
    """An analysis's cost.csv."""
    counts = {"none": 1.0, "gsam": 2.0, "lsam": 3.4, "samo": 2.7, "fmtl": 3.9}
    rows = []
    for method, (aggregator, sharpness) in method_names().items():
        count = counts[sharpness] * (1.0 if aggregator == "ls" else 1.6)
        ratio = 1.4 if method == "stl" else count * 1.1
        rows.append((method, 7 * ratio, ratio, ratio * 0.96, ratio * 1.05, count, 210.0))
    names = ["method", "step_ms", "ratio", "ratio_low", "ratio_high", "count_ratio", "memory_mb"]
    return pd.DataFrame(rows, columns=names)


def made_curvature() -> pd.DataFrame:
    """An analysis's curvature.csv: sharpness halves the largest eigenvalue; the first seed has a second draw."""
    rows: list[tuple[str, int, str, int, str, float, float]] = []
    for method, (_, sharpness) in method_names().items():
        if method == "stl":
            continue
        for seed in map(int, SEEDS):
            noise = np.random.default_rng([seed, *method.encode()])
            for draw in range(2 if seed == 0 else 1):
                size = (8.0 if sharpness == "none" else 4.0) * np.exp(noise.normal(0, 0.02)) * (1 + 0.1 * draw)
                values = size * 0.8 ** np.arange(5)
                rows += [(method, seed, "all", draw, "lambda_max", values[0], 1e-6)]
                rows += [(method, seed, "all", draw, "lambda_ratio5", values[0] / values[4], 2e-4)]
                rows += [(method, seed, "all", draw, f"eig_{i}", v, 1e-4) for i, v in enumerate(values, 1)]
            rows += [(method, seed, "all", 0, "trace", 10 * size, 0.08)]
        rows += [(method, 0, task, 0, "lambda_max", 1.3 * size, 1e-6) for task in TASKS]
    return pd.DataFrame(rows, columns=["method", "seed", "task", "draw", "measure", "value", "residual"])


def made_landscape(methods: list[str]) -> pd.DataFrame:
    """An analysis's landscape.csv: parabolas, and a plane for the plain methods and SAMO's."""
    rows = []
    for method in methods:
        aggregator, sharpness = method_names()[method]
        ticks = [-0.5, 0.0, 0.5]
        places = [(x, 0.0) for x in (-0.5, -0.25, 0.0, 0.25, 0.5)]
        if sharpness in ("none", "samo"):
            places += [(x, y) for y in ticks for x in ticks if y]
        for i, task in enumerate(TASKS):
            bowl = 0.1 + 0.01 * len(aggregator), 1 + i + SHARPNESS[sharpness]
            rows += [(method, 0, task, x, y, bowl[0] + bowl[1] * (x * x + 2 * y * y)) for x, y in places]
    return pd.DataFrame(rows, columns=["method", "seed", "task", "x", "y", "loss"])


def made_probe(method: str = "samo-ls") -> pd.DataFrame:
    """An analysis's probe.csv: the theory itself, with intervals around it."""
    rows = []
    for name, source in (("-", "linear"), ("-", "init"), (method, "trained")):
        for params in (100, 1000, 10000):
            for layered in (False, True):
                for q in (1, 8):
                    cosine = (2 * q / (np.pi * params)) ** 0.5
                    low, high = (cosine * f for f in (0.8, 1.2))
                    said = (cosine, low, high, cosine, 0.6 if layered else np.nan, 0.9, 4)
                    rows.append((name, 0, source, "spsa", "running", layered, q, params, *said))
                rows.append((name, 0, source, "random", "running", layered, 1, params, 0, -0.1, 0.1, 0, 0.5, 0.5, 4))
    return pd.DataFrame(rows, columns=["method", "seed", "source", *probe.COLUMNS])


def write_variants(root: Path, runs: list[dict[str, Any]], dataset: str = "multimnist") -> list[tuple[str, str]]:
    """Write cells beside those of `write_runs`; returns the (dataset, method)s."""
    for run in runs:
        _write(root, run | {"dataset": dataset}, made_history("ls"))
    return [(dataset, run["method"]) for run in runs]


def write_runs(root: Path, methods: list[str], dataset: str = "multimnist") -> list[tuple[str, str]]:
    """Write the cells' files under `root` as training does; returns the (dataset, method)s."""
    for method in methods:
        folder = _write(root, made_run(method, dataset), made_history(method))
        if method != "stl":
            made_layers().to_csv(folder / "layers.csv", index=False)
    analysis = root / "data" / "analysis" / dataset
    analysis.mkdir(parents=True, exist_ok=True)
    for name, made in (("cost", made_cost()), ("curvature", made_curvature())):
        made[made["method"].isin(methods)].to_csv(analysis / f"{name}.csv", index=False)
    made_landscape([method for method in methods if method != "stl"]).to_csv(analysis / "landscape.csv", index=False)
    made_probe().to_csv(analysis / "probe.csv", index=False)
    return [(dataset, method) for method in methods]
