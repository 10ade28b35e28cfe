"""What a step costs in time and memory, as a multiple of an LS step measured in the same run."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torchjd.aggregation import Aggregator
from torchjd.scalarization import Scalarizer

from samo.aggregation import SCALARISERS
from samo.optim.closures import Closure
from samo.optim.parameters import Part
from samo.optim.sharpness import Sharpness
from samo.optim.update import MultiTaskUpdate
from samo.training.settings import Settings


class Options(Settings):
    """How it is measured.

    Attributes:
        repeats: rounds in which every method takes a step; medians over them are reported.
    """

    repeats: Annotated[int, Field(ge=1, le=1000)] = 15


@dataclass(frozen=True)
class Method:
    """A method to be measured: an aggregator (name or object) under a sharpness."""

    name: str
    aggregator: Aggregator | Scalarizer | str
    sharpness: Sharpness


@dataclass(frozen=True)
class Cost:
    """What one method's step takes.

    Attributes:
        seconds: median time of a step; on a CPU the process's own, over all its threads.
        ratio, ratio_low, ratio_high: median and quartiles over the rounds of step time / LS step time of the round.
        count_ratio: the same by the count of passes, a backward pass taken for two forward passes.
        memory: peak bytes during the step beyond what was held before it.
        copies: memory beyond the LS step's, in copies of the trunk.
    """

    method: str
    seconds: float
    ratio: float
    ratio_low: float
    ratio_high: float
    count_ratio: float
    memory: int
    copies: float


def measure(
    trunk: Part,
    heads: Sequence[Part],
    closure: Closure,
    methods: Sequence[Method],
    *,
    repeats: int = 5,
    network: nn.Module | None = None,
    progress: Callable[[str], None] = lambda name: None,
) -> list[Cost]:
    """Time and memory of a step of every method, and of the plain LS step, on one network and batch.

    In each of `repeats` rounds every method makes one step, an LS step first, so that a slow moment of the machine
    falls on all alike. The weights are not stepped: a step is what fills `.grad`. A round before them measures memory.

    Args:
        trunk, heads, network: as `MultiTaskUpdate` takes them; the methods need not be run before.
        closure: tasks -> losses, on a fixed batch.
        progress: told the name of the method that comes next.

    Returns:
        The plain LS step ("LS"), then the methods in their order.
    """
    tasks = len(heads)
    updates = {
        m.name: MultiTaskUpdate(trunk, heads, aggregator=m.aggregator, sharpness=m.sharpness, network=network)
        for m in methods
    }
    of = next(iter(updates.values())).network
    steps: dict[str, Callable[[], object]] = {"LS": lambda: torch.autograd.backward(list(closure(range(tasks))))}
    steps |= {name: _step(update, closure) for name, update in updates.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    memory: dict[str, int] = {}
    for round_ in range(repeats + 1):
        for name, step in steps.items():
            progress(name)
            for p in of.all:
                p.grad = None
            if round_ == 0:
                memory[name] = peak_memory(step, of.all[0].device)
            else:
                times[name].append(seconds(step, of.all[0].device))
    size = sum(p.numel() * p.element_size() for p in of.trunk.values())
    counts = {"LS": 1.0} | {
        m.name: passes(m.sharpness, tasks, scalarised=isinstance(updates[m.name].aggregator, Scalarizer)) / 3
        for m in methods
    }
    found = []
    for name, own in times.items():
        low, middle, high = quartiles([step / plain for step, plain in zip(own, times["LS"], strict=True)])
        copies = (memory[name] - memory["LS"]) / size
        found.append(Cost(name, statistics.median(own), middle, low, high, counts[name], memory[name], copies))
    return found


def _step(update: MultiTaskUpdate, closure: Closure) -> Callable[[], Tensor]:
    def step() -> Tensor:
        losses = update.backward(closure)
        update.after_step(closure)
        return losses

    return step


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

    Args:
        shape: the sharpness.
        aggregator: its name.
        tasks: K.
        separate: a network per task, each with a step of its own.
    """
    own = passes(shape, 1 if separate else tasks, scalarised=separate or aggregator in SCALARISERS) / 3
    return own * tasks if separate else own


def table(costs: Sequence[Cost], bases: Mapping[str, str], loading: float) -> pd.DataFrame:
    """The methods of `measure`, without the plain LS step: data/analysis/<dataset>/cost.csv.

    Columns: method, step_ms, ratio with its quartiles, count_ratio, memory_mb, loading_ms; extra_percent, the extra
    time over that of the base method's step (NaN where there is none), and extra_percent_loaded, the same with loading
    on both sides, which hides a part of it. Times are facts of this machine; count_ratio is not.

    Args:
        costs: of `measure`.
        bases: method -> the method with its aggregator and no sharpness.
        loading: seconds of making a batch.
    """
    found = pd.DataFrame(costs[1:]).set_index("method")
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


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile; of one value, that value three times."""
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else [*values] * 3
    return low, middle, high
