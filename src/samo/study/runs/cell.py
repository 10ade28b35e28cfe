"""One cell: search on validation data, then one final run a seed. What notebooks/train.ipynb calls."""

import csv
import io
import os
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file

from samo import datasets
from samo.optim.process_group import ALONE, Ranks
from samo.study import config, paths, store
from samo.study.config.conditions import Cell
from samo.study.config.method import Method
from samo.study.runs import checkpoint, place, ranks
from samo.study.runs.trainings import Watch, go_on, recipe_of, search_cell
from samo.study.tracking import track
from samo.training import search
from samo.training.evaluation import reported
from samo.training.loop import DivergedError, Fit, fit
from samo.training.problem import Problem
from samo.training.settings import Training


@dataclass(frozen=True)
class Result:
    """What a cell found, as it was written: see `train_cell`."""

    metrics: dict[str, Any]
    history: list[dict[str, Any]]


def train_cell(dataset: str, method: str) -> Result:
    """Search, train every seed, and write the cell's files; a cell that was stopped goes on from its checkpoints.

    Written, whole or not at all: `data/runs/<dataset>/<method>/metrics.json` and `history.csv`, `layers.csv` for a
    method with a shared trunk, and the weights under `data/models/`. What holds for this machine only (times, device,
    commit) goes to MLflow, never in there.

    With `train.processes` above 1 all of it is done by so many processes of their own, see `samo.study.runs.ranks`.

    Args:
        dataset: of the cell.
        method: of the cell.

    Raises:
        KeyError: no such dataset or method in params.yaml.
        samo.study.errors.ConfigError: this machine has not the devices that params.yaml asks for.
        samo.study.errors.RankError: one of several processes failed or was killed.
        samo.training.loop.DivergedError: a final run's loss stopped being finite.
    """
    params = config.load()
    _ = params.dataset[dataset], params.methods_on(dataset)[method]
    device = place.device(params.train)
    if params.train.processes == 1:
        return train_here(dataset, method, place.Place(device))
    answer = ranks.together(dataset, method, params.train.processes)
    if "diverged" in answer:
        raise DivergedError(answer["diverged"])
    return Result(answer["metrics"], answer["history"])


def train_here(dataset: str, method: str, here: place.Place) -> Result:
    """As `train_cell`, in this process, alone or as one of several that all call it."""
    root, params = paths.root(), config.load()
    cell, block, chosen_method = Cell(dataset, method), params.dataset[dataset], params.methods_on(dataset)[method]
    seeds = params.seeds_on(dataset)
    torch.set_num_threads(params.train.threads)
    torch.set_deterministic_debug_mode("warn")  # what use_deterministic_algorithms does, but for a second of imports
    device = here.device
    problem = datasets.get(dataset).problem(root / "data/prepared" / dataset, block.training)
    watch = Watch(cell, params, chosen_method)

    grids = config.grids(params, dataset, chosen_method)
    kept = _checkpoints(params, cell, chosen_method, device, here.ranks)
    trials, chosen = search_cell(problem, block.training, chosen_method, grids, seeds[0], here, watch, kept)
    fits: dict[int, Fit] = {}
    tracked = here.writes and os.environ.get(paths.TRACKING) != "off"
    live = track.Live(root, params, cell, chosen, config.device_name(device)) if tracked else nullcontext()
    with live as views:
        for k, seed in enumerate(seeds, 1):
            recipe = recipe_of(chosen_method, block.training, chosen, block.training.epochs, seed, here)
            watch.phase(f"seed {seed} ({k}/{len(seeds)})", recipe.epochs)
            train = partial(fit, problem, recipe, ("val", "test"), on_progress=watch)
            if views is not None:
                train = partial(train, on_epoch=views.start(seed))
            fits[seed] = go_on(kept, f"seed-{seed}", train)

        metrics = _metrics(problem, cell, block.training, chosen_method, trials, chosen, fits)
        history = [{"seed": seed, **row._asdict()} for seed, run in fits.items() for row in run.history]
        if here.writes:
            _write(root, cell, metrics, history, fits)
        if views is not None:
            views.finish(store.read_json(root / cell.runs / "metrics.json"))
    kept.clear()
    return Result(store.rounded(metrics), cast("list[dict[str, Any]]", store.rounded(history)))


def _write(
    root: Path, cell: Cell, metrics: dict[str, Any], history: list[dict[str, Any]], fits: dict[int, Fit]
) -> None:
    layers = [{"seed": seed, **row._asdict()} for seed, run in fits.items() for row in run.layers]
    with store.whole_folder(root / cell.runs) as folder:
        store.write_json(folder / "metrics.json", metrics)
        store.write_text(folder / "history.csv", _csv(history))
        if layers:
            store.write_text(folder / "layers.csv", _csv(layers))
    with store.whole_folder(root / cell.models) as folder:
        for seed, run in fits.items():
            # Tensors in one plain layout: safetensors refuses strided ones.
            weights = {name: t.detach().cpu().contiguous() for name, t in run.network.state_dict().items()}
            save_file(weights, folder / f"{seed}.safetensors")


def _checkpoints(
    params: config.Params,
    cell: Cell,
    method: Method,
    device: torch.device,
    group: Ranks = ALONE,
) -> checkpoint.Checkpoints:
    root, block = paths.root(), params.dataset[cell.dataset]
    settings = {
        "cell": [cell.dataset, cell.method],
        "seeds": params.seeds_on(cell.dataset),
        "train": params.train.model_dump(mode="json"),
        "data": block.data.model_dump(mode="json"),
        "training": block.training.model_dump(mode="json"),
        "grids": config.grids(params, cell.dataset, method),
        "method": method.model_dump(mode="json"),
        "device": config.device_name(device),
        "versions": {name: version(name) for name in ("numpy", "torch", "torchjd")},
    }
    made_from = checkpoint.made_from(root, cell.dataset, settings)
    return checkpoint.Checkpoints(paths.checkpoints(root) / cell.name, made_from, device, group)


def _metrics(
    problem: Problem,
    cell: Cell,
    training: Training,
    method: Method,
    trials: list[search.Trial],
    chosen: search.Trial,
    fits: dict[int, Fit],
) -> dict[str, Any]:
    return {
        "dataset": cell.dataset,
        "method": cell.method,
        "aggregator": method.aggregator_name,
        "options": method.aggregator_options,
        "sharpness": method.preset_name,
        "fields": method.preset_fields,
        "networks": method.networks,
        "tasks": list(problem.tasks),
        "metrics": [
            {"task": m.task, "metric": m.name, "higher_is_better": m.higher_is_better, "unit": m.unit}
            for m in problem.metrics
        ],
        "search": {
            "trials": [{**t.choice, "score": t.score} for t in trials],
            "chosen": chosen.choice,
        },
        "seeds": {
            str(seed): {
                task: {name: value for name, value in by_name.items() if name != "loss"}
                for task, by_name in reported(problem, run.history, training).items()
            }
            for seed, run in fits.items()
        },
    }


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(store.rounded(rows))
    return text.getvalue()
