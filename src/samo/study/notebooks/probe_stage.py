"""The stage `analyse@…-probe`: what SAMO's probe knows of the task gradients, in theory and on the networks."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import cast

import pandas as pd
import torch
from torch import nn

from samo.analysis.probe import COLUMNS, LINEAR, Options, linear, quality
from samo.optim.passes import Closure
from samo.study import progress, store
from samo.study.notebooks.tables_stage import csv
from samo.study.runs import trained
from samo.training.problem import Batch, Problem

NONE = "-"
"""In the place of a method, where the source is no method's network."""


def write_probe(dataset: str) -> pd.DataFrame:
    """Write data/analysis/<dataset>/probe.csv: method, seed, source, and the columns of `samo.analysis.probe.quality`.

    Sources: `linear`, made problems that theory describes exactly; `init`, the dataset's network before its first
    step; `trained`, after the last one. The two networks are given the same batches, in training mode.

    Args:
        dataset: its cells have been run.

    Raises:
        samo.study.errors.NotebookError: one has not.
    """
    at = trained.setting(dataset)
    options = cast("Options", at.options("probe"))
    examples = min(options.examples, at.params.dataset[dataset].training.batch)
    tables = []
    trained_cells = at.cells(trained.chosen(at.params, dataset, options))
    for seed in at.params.seeds_on(dataset)[: options.seeds]:
        progress.report(phase=f"linear losses, seed {seed}")
        generator = torch.Generator().manual_seed(seed)
        for size in LINEAR:
            trunk, closures = linear(size, options.repeats, generator)
            found = quality(closures, trunk, [], 2, options.model_copy(update={"sizes": 1}), generator)
            tables.append(found.assign(method=NONE, seed=seed, source="linear"))
        batches = list(islice(_batches(at.problem, examples, at.device, seed), options.repeats))
        progress.report(phase=f"first weights, seed {seed}")
        torch.manual_seed(seed)
        found = _on(at.problem, at.problem.network().to(at.device), batches, options, seed)
        tables.append(found.assign(method=NONE, seed=seed, source="init"))
        for cell in trained_cells:
            progress.report(phase=f"{cell.method}, seed {seed}")
            found = _on(at.problem, at.network(cell, seed), batches, options, seed)
            tables.append(found.assign(method=cell.method, seed=seed, source="trained"))
    table = pd.concat(tables)[["method", "seed", "source", *COLUMNS]]
    store.write_text(at.root / "data/analysis" / dataset / "probe.csv", csv(table))
    return table


def _on(problem: Problem, network: nn.Module, batches: Sequence[Batch], options: Options, seed: int) -> pd.DataFrame:
    network.train()
    torch.manual_seed(seed)  # dropout's masks
    trunk = [p for p in cast("nn.Module", network.trunk).parameters() if p.requires_grad]
    generator = torch.Generator(trunk[0].device).manual_seed(seed)

    def closure(batch: Batch) -> Closure:
        return lambda tasks: problem.losses(network, batch, tasks)

    closures = [closure(batch) for batch in batches]
    return quality(closures, trunk, list(network.modules()), len(problem.tasks), options, generator)


def _batches(problem: Problem, examples: int, device: torch.device, seed: int) -> Iterator[Batch]:
    """Training batches without end, as training draws them."""
    order, split = torch.Generator().manual_seed(seed), problem.splits["train"]
    while True:
        yield from split.batches(min(examples, len(split)), device, order)
