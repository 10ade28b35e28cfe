"""The stage `analyse@…-cost`: what a step of every method costs on this machine, on the dataset's own network."""

from collections.abc import Callable, Mapping
from typing import cast

import pandas as pd
import torch
from torch import nn

from samo import aggregation
from samo.analysis.cost import Method, Options, extra_percent, measure
from samo.analysis.parts import loading
from samo.optim import sharpness
from samo.study import store
from samo.study.config.method import Method as StudyMethod
from samo.study.notebooks.tables_stage import csv
from samo.study.runs import trained

RHO = 0.01
"""Any radius but 0: the cost does not depend on it."""


def write_cost(dataset: str, say: Callable[[str], None] = lambda _: None) -> pd.DataFrame:
    """Measure one step of each main method with a shared trunk, and write data/analysis/<dataset>/cost.csv.

    STL is left out: its step is K plain steps, one a network. Times are facts of this machine; the ratio by the count
    of passes is not.

    Args:
        dataset: its batch size and network are those of params.yaml.
        say: is told the method that comes next.
    """
    at = trained.setting(dataset)
    problem, device, training = at.problem, at.device, at.params.dataset[dataset].training
    torch.manual_seed(0)
    network = problem.network().to(device)
    batch = next(iter(problem.splits["train"].batches(training.batch, device)))
    repeats = cast("Options", at.options("cost")).repeats
    generator = torch.Generator().manual_seed(0)
    load = 1000 * loading.measure(problem, training, generator, device, repeats=repeats).batch_seconds
    shared = trained.shared(at.params, dataset)
    methods = [
        Method(
            name,
            aggregation.make(m.aggregator_name, tasks=len(problem.tasks), **m.aggregator_options),
            sharpness.preset(m.preset_name, **({} if m.preset_name == "none" else {"rho": RHO} | m.preset_fields)),
        )
        for name, m in shared.items()
    ]
    found = measure(
        cast("nn.Module", network.trunk),
        list(cast("nn.ModuleList", network.heads)),
        lambda tasks: problem.losses(network, batch, tasks),
        methods,
        repeats=repeats,
        network=network,
        progress=say,
    )
    times, bases = {c.method: 1000 * c.seconds for c in found[1:]}, _bases(shared)
    bare, loaded = extra_percent(times, bases), extra_percent(times, bases, load)
    table = pd.DataFrame(
        {
            "method": c.method,
            "step_ms": times[c.method],
            "ratio": c.ratio,
            "ratio_low": c.ratio_low,
            "ratio_high": c.ratio_high,
            "count_ratio": c.count_ratio,
            "memory_mb": c.memory / 1e6,
            "loading_ms": load,
            "extra_percent": bare[c.method],
            "extra_percent_loaded": loaded[c.method],
        }
        for c in found[1:]
    )
    store.write_text(at.root / "data/analysis" / dataset / "cost.csv", csv(table))
    return table


def _bases(methods: Mapping[str, StudyMethod]) -> dict[str, str]:
    """Method -> the method with its aggregator and no sharpness."""
    kinds = {name: (m.aggregator_name, str(m.aggregator_options)) for name, m in methods.items()}
    plain = {kinds[name]: name for name, m in methods.items() if m.preset_name == "none"}
    return {name: plain[kind] for name, kind in kinds.items() if plain.get(kind, name) != name}
