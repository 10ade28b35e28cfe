"""Conditions of the small study that never ran: their files, made up, with numbers that can be done by hand."""

import itertools
import json
from pathlib import Path

import pandas as pd

from tests.made import TASKS, made_run

LEVELS = {"stl": 90.0, "ls": 85.0, "samo-ls": 88.0}
"""Method -> the accuracy of its first seed on the first task; one more for each further seed and task."""
BUDGETS = (10, 20)


def make(root: Path, methods: tuple[str, ...] = tuple(LEVELS)) -> None:
    """Write metrics.json, history.csv and a notebook of conditions of Multi-MNIST, as the profile smoke has them."""
    for method in methods:
        folder = root / "data/runs/multimnist" / method
        folder.mkdir(parents=True, exist_ok=True)
        seeds = {str(s): {t: {"accuracy": LEVELS[method] + s + k} for k, t in enumerate(TASKS)} for s in (0, 1)}
        run = {k: v for k, v in made_run(method).items() if k not in ("aside", "search", "seeds")}
        chosen = {"lr": 0.01, "rho": 0.1 if run["sharpness"] != "none" else None}
        run["updates"] = {str(n): {"chosen": chosen, "seeds": seeds} for n in BUDGETS}
        (folder / "metrics.json").write_text(json.dumps(run))
        rows = [
            (n, seed, half * n // 2, "test", task, "accuracy", by_name["accuracy"] - 2 + half)
            for seed, tasks in seeds.items()
            for task, by_name in tasks.items()
            for n, half in itertools.product(BUDGETS, (1, 2))
        ]
        columns = ["updates", "seed", "update", "split", "task", "metric", "value"]
        pd.DataFrame(rows, columns=columns).to_csv(folder / "history.csv", index=False)
        notebook(root, method)


def notebook(root: Path, method: str, drawing: str = "<svg/>") -> None:
    """An executed notebook with one drawing, and its page."""
    folder = root / "reports/executed"
    folder.mkdir(parents=True, exist_ok=True)
    output = {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": drawing, "text/plain": "drawn"}}
    cell = {"cell_type": "code", "id": "0", "execution_count": 1, "metadata": {}, "outputs": [output], "source": "1"}
    made = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / f"train-multimnist-{method}.ipynb").write_text(json.dumps(made))
    (folder / f"train-multimnist-{method}.html").write_text(f"<p>{method}</p>")
