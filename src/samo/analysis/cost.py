"""What a step costs in time and memory, as a multiple of an LS step measured in the same run."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torchjd.aggregation import Aggregator
from torchjd.scalarization import Scalarizer

from samo.aggregation import SCALARISERS
from samo.optim.closures import Closure
from samo.optim.parameters import Part
from samo.optim.sharpness import Sharpness
from samo.optim.update import MultiTaskUpdate
from samo.training.settings import Settings

QUARTILES = (0.25, 0.5, 0.75)


class Options(Settings):
    """How it is measured.

    Attributes:
        repeats: rounds in which every method takes a step; medians over them are reported.
    """

    repeats: Annotated[int, Field(ge=1, le=1000)] = 15


Method = tuple[Aggregator | Scalarizer | str, Sharpness]
"""An aggregator (name or object) under a sharpness."""


def measure(
    trunk: Part,
    heads: Sequence[Part],
    closure: Closure,
    methods: Mapping[str, Method],
    *,
    repeats: int = 5,
    network: nn.Module | None = None,
    progress: Callable[[str], None] = lambda name: None,
) -> pd.DataFrame:
    """Time and memory of a step of every method, and of the plain LS step, on one network and batch.

    In each of `repeats` rounds every method makes one step, an LS step first, so that a slow moment of the machine
    falls on all alike. The weights are not stepped: a step is what fills `.grad`. A round before them measures memory.

    Args:
        trunk, heads, network: as `MultiTaskUpdate` takes them; the methods need not be run before.
        closure: tasks -> losses, on a fixed batch.
        methods: by name.
        progress: told the name of the method that comes next.

    Returns:
        A row for the plain LS step (method "LS"), then one a method: seconds, the median (on a CPU the process's own,
        over all its threads); ratio, ratio_low and ratio_high, median and quartiles over the rounds of step time / LS
        step time of the round; count_ratio, the same by the count of passes, a backward pass taken for two forward
        passes; memory, peak bytes during the step beyond what was held before it; copies, memory beyond the LS step's,
        in copies of the trunk.
    """
    tasks = range(len(heads))
    updates = {
        name: MultiTaskUpdate(trunk, heads, aggregator=aggregator, sharpness=sharpness, network=network)
        for name, (aggregator, sharpness) in methods.items()
    }
    steps: dict[str, Callable[[], object]] = {"LS": lambda: torch.autograd.backward(list(closure(tasks)))}
    steps |= {name: partial(_step, update, closure) for name, update in updates.items()}
    net = next(iter(updates.values())).network
    device = net.all[0].device
    memory, times = {}, pd.DataFrame(0.0, range(repeats), list(steps))
    for round_ in range(-1, repeats):
        for name, step in steps.items():
            progress(name)
            for p in net.all:
                p.grad = None
            if round_ < 0:
                memory[name] = peak_memory(step, device)
            else:
                times.loc[round_, name] = seconds(step, device)
    found = pd.DataFrame({"method": list(steps), "seconds": times.median().to_numpy()})
    low, middle, high = np.quantile(times.div(times["LS"], axis=0), QUARTILES, axis=0, method="weibull")
    counts = [
        passes(sharpness, len(tasks), scalarised=isinstance(updates[name].aggregator, Scalarizer)) / 3
        for name, (_, sharpness) in methods.items()
    ]
    found = found.assign(ratio=middle, ratio_low=low, ratio_high=high, count_ratio=[1.0, *counts])
    size = sum(p.numel() * p.element_size() for p in net.trunk.values())
    return found.assign(memory=list(memory.values()), copies=[(m - memory["LS"]) / size for m in memory.values()])


def _step(update: MultiTaskUpdate, closure: Closure) -> None:
    update.backward(closure)
    update.after_step(closure)


def passes(sharpness: Sharpness, tasks: int, *, scalarised: bool) -> float:
    """The passes of a step in units of one forward pass, a backward pass taken for two; an LS step has 3.

    One perturbed point with n tasks costs a forward pass, and one backward pass where the tasks' weights are known
    before (`scalarised`), else n.
    """
    s, K = sharpness, tasks
    at_one_point = 1 + 2 * (1 if scalarised else K)
    if not s.moves or s.from_history:
        return at_one_point
    if not s.needs_local:
        sharp = 3 + at_one_point
    elif s.estimator == "exact":
        sharp = 1 + 2 * K + 3 * K
    else:
        rounds = 1 if s.noise == "shared" else K
        probes = {"central": 2, "one-sided": 1}[s.probe] * rounds * s.directions if s.probes else 0
        if s.probes and s.probe == "one-sided" and s.probe_statistics == "running":
            probes += 1
        points = min(2, K) if s.noise == "shared" and s.sign_only else K
        sharp = 3 + probes + points + 2 * (points if scalarised and not s.remembers else K)
    return (sharp + (s.every - 1) * at_one_point) / s.every


def units(shape: Sharpness, aggregator: str, tasks: int, *, separate: bool = False) -> float:
    """The passes of a step in those of an LS step with a shared trunk: what a training costs by count.

    `separate`: a network per task, each with a step of its own.
    """
    if separate:
        return passes(shape, 1, scalarised=True) / 3 * tasks
    return passes(shape, tasks, scalarised=aggregator in SCALARISERS) / 3


def table(costs: pd.DataFrame, bases: Mapping[str, str], loading: float) -> pd.DataFrame:
    """The methods of `measure`, without the plain LS step: data/analysis/<dataset>/cost.csv.

    Columns: method, step_ms, ratio with its quartiles, count_ratio, memory_mb, loading_ms; extra_percent, the extra
    time over that of the base method's step (NaN where there is none), and extra_percent_loaded, the same with loading
    on both sides, which hides a part of it. Times are facts of this machine; count_ratio is not.

    Args:
        costs: of `measure`.
        bases: method -> the method with its aggregator and no sharpness.
        loading: seconds of making a batch.
    """
    found = costs[1:].set_index("method")
    base = found["seconds"].reindex(found.index.map(bases)).to_numpy()
    extra = 100 * (found["seconds"] - base)
    made = found.assign(
        step_ms=1000 * found["seconds"],
        memory_mb=found["memory"] / 1e6,
        loading_ms=1000 * loading,
        extra_percent=extra / base,
        extra_percent_loaded=extra / (base + loading),
    ).reset_index()
    ratios = ["ratio", "ratio_low", "ratio_high", "count_ratio"]
    return made[["method", "step_ms", *ratios, "memory_mb", "loading_ms", "extra_percent", "extra_percent_loaded"]]


def seconds(step: Callable[[], object], device: torch.device) -> float:
    """Time of one call: on a CPU this process's own, so that other processes do not count; else wall time."""
    if device.type == "cpu":
        start = time.process_time()
        step()
        return time.process_time() - start
    torch.accelerator.synchronize(device)
    start = time.perf_counter()
    step()
    torch.accelerator.synchronize(device)
    return time.perf_counter() - start


def peak_memory(step: Callable[[], object], device: torch.device) -> int:
    """The most bytes of tensors that one call holds at a time, beyond those that were there before."""
    if device.type != "cpu":
        torch.accelerator.reset_peak_memory_stats(device)
        before = torch.accelerator.memory_allocated(device)
        step()
        return torch.accelerator.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
    results = profiled.profiler.kineto_results if profiled.profiler is not None else None
    assert results is not None
    changes = [e for e in results.events() if e.name() == "[memory]"]
    held = peak = 0
    for change in sorted(changes, key=lambda e: e.start_ns()):
        held += change.nbytes()
        peak = max(peak, held)
    return peak
