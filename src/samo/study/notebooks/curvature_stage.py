"""The stage `analyse@…-curvature`: how curved the loss is at the weights that each cell has trained."""

from contextlib import AbstractContextManager, nullcontext
from typing import cast

import pandas as pd
import torch
from torch import nn

from samo.analysis.curvature import Options, Reading, curvature, sets
from samo.study import progress, store
from samo.study.notebooks.tables_stage import csv
from samo.study.runs import trained

COLUMNS = ["method", "seed", *Reading._fields]


def write_curvature(dataset: str) -> pd.DataFrame:
    """Measure the trained networks of every method with a shared trunk into data/analysis/<dataset>/curvature.csv.

    Columns: method, seed, task ("all" for the average loss), draw, and measure, value, residual as
    `samo.analysis.curvature.Row` says. STL is left out: its K trunks are not one.

    Args:
        dataset: its cells have been run.

    Raises:
        samo.study.errors.NotebookError: one has not.
    """
    at = trained.setting(dataset)
    settings = cast("Options", at.options("curvature")).for_dataset(dataset)
    drawn = sets(at.problem, at.params.dataset[dataset].training.batch, settings, at.device)
    work = at.work(trained.shared(at.params, dataset), settings.seeds)
    rows = []
    for done, (cell, seed) in enumerate(work):
        progress.report(phase=f"{cell.method}, seed {seed}", done=round(done / len(work), 4))
        network = at.network(cell, seed)
        with _twice_differentiable(network):
            found = curvature(at.problem, network, drawn, settings, close=seed == work[0][1])
        rows += [(cell.method, seed, *reading) for reading in found]
    table = pd.DataFrame(rows, columns=COLUMNS)
    store.write_text(at.root / "data/analysis" / dataset / "curvature.csv", csv(table))
    return table


def _twice_differentiable(network: nn.Module) -> AbstractContextManager[object]:
    """cuDNN's recurrent layers have no second derivative, nor a first one in evaluation mode; PyTorch's own have."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
    return torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext()
