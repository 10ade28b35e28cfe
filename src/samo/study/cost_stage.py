"""The stage `analyse@…-cost`: what a step of every method costs on this machine, on the dataset's own network."""

from collections.abc import Callable
from typing import cast

import pandas as pd
import torch
from torch import nn

from samo import aggregation, datasets, sharpness
from samo.analysis.cost import Method, Options, measure
from samo.study import config, paths, store
from samo.study.tables_stage import csv

RHO = 0.01
"""Any radius but 0: the cost does not depend on it."""


def write_cost(dataset: str, say: Callable[[str], None] = lambda _: None) -> pd.DataFrame:
    """Measure one step of each method with a shared trunk, and write data/analysis/<dataset>/cost.csv.

    STL is left out: its step is K plain steps, one a network. Times are facts of this machine; the ratio by the count
    of passes is not.

    Args:
        dataset: its batch size and network are those of params.yaml.
        say: is told the method that comes next.
    """
    root, params = paths.root(), config.load()
    training = params.dataset[dataset].training
    torch.set_num_threads(params.train.threads)
    device = config.device(params.train.device)
    torch.manual_seed(0)
    problem = datasets.get(dataset).problem(root / "data/prepared" / dataset, training)
    network = problem.network().to(device)
    batch = next(iter(problem.splits["train"].batches(training.batch, device)))
    methods = [
        Method(
            name,
            aggregation.make(m.aggregator_name, tasks=len(problem.tasks), **m.aggregator_options),
            sharpness.preset(m.preset_name, **({} if m.preset_name == "none" else {"rho": RHO} | m.preset_fields)),
        )
        for name, m in params.methods_on(dataset).items()
        if m.networks == "shared"
    ]
    found = measure(
        cast("nn.Module", network.trunk),
        list(cast("nn.ModuleList", network.heads)),
        lambda tasks: problem.losses(network, batch, tasks),
        methods,
        repeats=cast("Options", params.analysis["cost"]).repeats,
        network=network,
        progress=say,
    )
    table = pd.DataFrame(
        {
            "method": c.method,
            "step_ms": 1000 * c.seconds,
            "ratio": c.ratio,
            "ratio_low": c.ratio_low,
            "ratio_high": c.ratio_high,
            "count_ratio": c.count_ratio,
            "memory_mb": c.memory / 1e6,
        }
        for c in found[1:]
    )
    store.write_text(root / "data/analysis" / dataset / "cost.csv", csv(table))
    return table
