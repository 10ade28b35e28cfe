"""`samo estimates`: what stands in for a task's gradient, compared on a dataset of the active profile."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file
from torch import nn

from samo import datasets
from samo.analysis.estimates import points
from samo.analysis.parts import looks
from samo.results.tables import markdown
from samo.study import config, paths, store
from samo.study.runs.formats import csv_text
from samo.training.problem import Problem


def command(dataset: str, batches: list[int], options: points.Options, whole: bool) -> None:
    """Train plainly with every seed and size of batch, write the table and print it.

    A ValueError says that the profile has no such dataset, or one with fewer examples than a batch, or, if `whole` is
    set, one without adapters.
    """
    root, params = paths.root(), config.load()
    if dataset not in params.datasets:
        raise ValueError(f"no dataset {dataset!r} in params.yaml: there are {', '.join(params.datasets)}")
    torch.set_num_threads(params.train.threads)
    device, training = config.device(params.train.device), params.datasets[dataset].training
    prepared, weights, name = root / "data/prepared" / dataset, None, dataset
    if whole:
        if not getattr(training, "lora", None):
            raise ValueError(f"{dataset} has no adapters: its trunk is whole as it is")
        weights, training = prepared / training.lora.weights, training.model_copy(update={"lora": None})
        name = f"{dataset}-whole"
    problem = datasets.get(dataset).problem(prepared, training)
    if (there := len(problem.splits["train"])) < max(batches):
        raise ValueError(f"{dataset}: {there} examples to train on, a batch of {max(batches)} is asked for")
    readings = []
    for batch in batches:
        for seed in params.seeds_on(dataset):
            order = looks.batches(problem, batch, device, seed)
            found = points.along(problem, _network(problem, seed, weights).to(device), order, options, seed)
            readings.append(found.assign(dataset=name, batch=batch, seed=seed))
            print(f"{name}: batch {batch}, seed {seed}", flush=True)
    made = points.table(pd.concat(readings), options, _network(problem, 0, weights))
    path = root / "data/analysis" / dataset / f"estimates{'-whole' if whole else ''}.csv"
    store.write_text(path, csv_text(made))
    print("\n".join(lines(made)))
    print(path.relative_to(root))


def _network(problem: Problem, seed: int, weights: Path | None) -> nn.Module:
    torch.manual_seed(seed)
    network = problem.network()
    if weights is not None:
        network.get_submodule("trunk").load_state_dict(load_file(weights))
    return network


def lines(made: pd.DataFrame) -> Iterator[str]:
    """The table in Markdown: a row per estimate, a column per batch and place."""
    head, half = made.iloc[0], (made["cosine_high"] - made["cosine_low"]) / 2
    made = made.assign(cell=[f"{mean:.4f} ± {width:.4f}" for mean, width in zip(made["cosine"], half, strict=True)])
    columns = list(dict.fromkeys(zip(made["batch"], made["update"], strict=True)))
    yield f"{head['dataset']}: P = {head['params']:,}, K = {head['tasks']}, n = {head['n']}"
    yield ""
    found = []
    for name, rows in made.groupby("estimate", sort=False):
        cells, first = rows.set_index(["batch", "update"])["cell"], rows.iloc[0]
        found.append([name, f"{first['passes']:g}", first["rows"], *cells.loc[columns]])
    heads = ["estimate", "units", "rows", *(f"batch {b}, after {n:,}" for b, n in columns)]
    yield markdown(pd.DataFrame(found, columns=heads)).rstrip()
