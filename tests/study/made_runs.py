"""Cells that never ran: their files, made up, in a small study."""

import csv
import itertools
import json
from pathlib import Path

METHODS = {
    "stl": ("ls", "none", "separate", 90.0),
    "ls": ("ls", "none", "shared", 85.0),
    "samo-ls": ("ls", "samo", "shared", 88.0),
}
"""Aggregator, sharpness, networks, accuracy."""
BUDGETS = (10, 20)


def make(root: Path, methods: tuple[str, ...] = tuple(METHODS), seeds: tuple[int, ...] = (0, 1)) -> None:
    """Write metrics.json and history.csv of cells of Multi-MNIST, as the profile smoke has them, and a notebook."""
    for method in methods:
        aggregator, sharpness, networks, level = METHODS[method]
        folder = root / "data/runs/multimnist" / method
        folder.mkdir(parents=True, exist_ok=True)
        values = {str(s): {t: {"accuracy": level + s + k} for k, t in enumerate(("left", "right"))} for s in seeds}
        chosen = {"lr": 0.01, "rho": 0.1 if sharpness != "none" else None}
        run = {
            "dataset": "multimnist",
            "method": method,
            "aggregator": aggregator,
            "options": {},
            "sharpness": sharpness,
            "fields": {},
            "networks": networks,
            "optimizer": "",
            "tasks": ["left", "right"],
            "metrics": [
                {"task": t, "metric": "accuracy", "higher_is_better": True, "unit": "%", "counts": True}
                for t in ("left", "right")
            ],
            "updates": {str(n): {"chosen": chosen, "seeds": values} for n in BUDGETS},
        }
        (folder / "metrics.json").write_text(json.dumps(run))
        with (folder / "history.csv").open("w", newline="") as stream:
            rows = csv.writer(stream, lineterminator="\n")
            rows.writerow(["updates", "seed", "update", "split", "task", "metric", "value"])
            for seed, tasks in values.items():
                for task, by_name in tasks.items():
                    for n, half in itertools.product(BUDGETS, (1, 2)):
                        level_then = by_name["accuracy"] - 2 + half
                        rows.writerow([n, seed, half * n // 2, "test", task, "accuracy", level_then])
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
