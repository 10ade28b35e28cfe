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
    updates = [
        MultiTaskUpdate(trunk, heads, aggregator=m.aggregator, sharpness=m.sharpness, network=network) for m in methods
    ]
    params = updates[0].network.all

    def plain() -> None:
        torch.autograd.backward(list(closure(range(tasks))))

    steps: dict[str, Callable[[], object]] = {"LS": plain}
    for method, update in zip(methods, updates, strict=True):
        steps[method.name] = _step(update, closure)
    times: dict[str, list[float]] = {name: [] for name in steps}
    memory: dict[str, int] = {}
    for round_ in range(repeats + 1):
        for name, step in steps.items():
            progress(name)
            for p in params:
                p.grad = None
            if round_ == 0:
                memory[name] = peak_memory(step, params[0].device)
            else:
                times[name].append(seconds(step, params[0].device))
    size = sum(p.numel() * p.element_size() for p in updates[0].network.trunk.values())
    counts = {"LS": 1.0} | {
        m.name: passes(m.sharpness, tasks, scalarised=isinstance(u.aggregator, Scalarizer)) / 3
        for m, u in zip(methods, updates, strict=True)
    }
    return [_cost(name, times, counts, memory, size) for name in steps]


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


def extra_percent(times: Mapping[str, float], bases: Mapping[str, str], loading: float = 0.0) -> dict[str, float]:
    """The extra time of a step over that of its base method, in per cent; NaN where there is no base.

    Args:
        times: method -> time of a step.
        bases: method -> the method that it extends; both have a time.
        loading: what making a batch takes, the same for all, in the unit of `times`; it hides a part of the extra.
    """
    out = dict.fromkeys(times, float("nan"))
    for name, base in bases.items():
        out[name] = 100 * (times[name] - times[base]) / (times[base] + loading)
    return out


def table(costs: Sequence[Cost], bases: Mapping[str, str], loading: float) -> pd.DataFrame:
    """The methods of `measure`, without the plain LS step: data/analysis/<dataset>/cost.csv.

    Columns: method, step_ms, ratio with its quartiles, count_ratio, memory_mb, loading_ms, extra_percent and
    extra_percent_loaded (see `extra_percent`). Times are facts of this machine; count_ratio is not.

    Args:
        costs: of `measure`.
        bases: method -> the method with its aggregator and no sharpness.
        loading: seconds of making a batch.
    """
    times, load = {c.method: 1000 * c.seconds for c in costs[1:]}, 1000 * loading
    bare, loaded = extra_percent(times, bases), extra_percent(times, bases, load)
    return pd.DataFrame(
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
        for c in costs[1:]
    )


def seconds(step: Callable[[], object], device: torch.device) -> float:
    """Time of one call: on a CPU this process's own, so that what else runs there does not count; else wall time."""
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


def _step(update: MultiTaskUpdate, closure: Closure) -> Callable[[], Tensor]:
    def step() -> Tensor:
        losses = update.backward(closure)
        update.after_step(closure)
        return losses

    return step


def _cost(
    name: str, times: Mapping[str, list[float]], counts: Mapping[str, float], memory: Mapping[str, int], size: int
) -> Cost:
    ratios = [own / base for own, base in zip(times[name], times["LS"], strict=True)]
    low, middle, high = quartiles(ratios)
    return Cost(
        method=name,
        seconds=statistics.median(times[name]),
        ratio=middle,
        ratio_low=low,
        ratio_high=high,
        count_ratio=counts[name],
        memory=memory[name],
        copies=(memory[name] - memory["LS"]) / size,
    )
