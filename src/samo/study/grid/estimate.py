"""What a profile will cost on this machine, from one measured step a dataset."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from samo import aggregation, datasets
from samo.analysis.cost import passes, seconds
from samo.analysis.parts import loading
from samo.datasets.parts.sources import Given
from samo.optim import sharpness
from samo.study import paths, store
from samo.study.config import Params, device, plan
from samo.study.config.method import Method
from samo.study.data import fetch
from samo.study.errors import FetchError
from samo.training.evaluation import evaluate
from samo.training.problem import Problem
from samo.training.settings import Training

OVERHEAD = 8.0
"""Seconds that a condition takes beside its training: starting Python, the notebook, DVC's bookkeeping."""
SAMPLE = 16
"""Validation and test examples that the sample has, at most."""
REPEATS, LONG = 3, 4.0
"""Steps that are timed, after one that warms up; a single one where that took more seconds than `LONG`."""


@dataclass(frozen=True)
class Unit:
    """What was measured on a small sample of a dataset, with the network and batch of the profile.

    Attributes:
        tasks: K.
        weights: bytes of the network's parameters and buffers.
        step: seconds of one plain LS step, with its share of loading; where several processes share each batch, of
            one of them on its share.
        look: seconds to evaluate one example.
        stored: bytes that one prepared example takes.
    """

    tasks: int
    weights: int
    step: float
    look: float
    stored: float


@dataclass(frozen=True)
class Estimate:
    """What a dataset of a profile will take.

    Attributes:
        unit: as measured.
        conditions: its methods.
        steps: of one final run, at its longest budget.
        seconds: of all its conditions on one worker; without analyses and report.
        disk: bytes of prepared arrays and stored weights.
    """

    unit: Unit
    conditions: int
    steps: int
    seconds: float
    disk: float


def estimate(root: Path, params: Params, dataset: str, say: Callable[[str], None]) -> Estimate | str:
    """Measure a step of a dataset, and estimate its conditions; or say what is missing, in a line or more.

    Raw files that a program may fetch are fetched into the project, where the stage `fetch` finds them later.
    """
    wanted = _examples(params, dataset)
    if unknown := [split for split, n in wanted.items() if n is None]:
        return f"{dataset}: no estimate: data.{', data.'.join(unknown)} takes all there is; give a number"
    try:
        raw = _raw(root, dataset, say)
        say(f"{dataset}: measuring a step")
        unit = measure(params, dataset, raw)
    except (FetchError, OSError, ValueError) as error:
        return f"{dataset}: {error}"
    methods = params.methods_on(dataset)
    stored = sum(n or 0 for n in wanted.values()) * unit.stored
    networks = sum(unit.tasks if method.networks == "separate" else 1 for method in methods.values())
    return Estimate(
        unit=unit,
        conditions=len(methods),
        steps=params.updates_on(dataset)[-1],
        seconds=sum(condition_seconds(params, dataset, m, unit) + OVERHEAD for m in methods),
        disk=stored + len(params.seeds_on(dataset)) * len(params.updates_on(dataset)) * networks * unit.weights,
    )


def condition_seconds(params: Params, dataset: str, name: str, unit: Unit) -> float:
    """Seconds of training and evaluation of one condition, by the count of passes of its step against an LS step's."""
    training, method = params.datasets[dataset].training, params.methods_on(dataset)[name]
    examples, own = _examples(params, dataset), plan(params, dataset, name)
    step = unit.step * step_ratio(method, unit.tasks)
    look = unit.look * (unit.tasks if method.networks == "separate" else 1)
    # A look at a mini-batch's conflict takes a forward pass, and a backward pass a task; an LS step has three passes.
    watched = training.conflict_batches * (method.networks == "shared" and unit.tasks > 1)
    evaluations = sum(len(training.evaluated_at(n)) for n in own.finals)
    looks = min(watched * evaluations, sum(own.finals)) * unit.step * (1 + 2 * unit.tasks) / 3
    seen = evaluations * ((examples["val"] or 0) + (examples["test"] or 0)) + len(own.trials) * (examples["val"] or 0)
    return float(sum((*own.trials, *own.finals)) * step + looks + seen * look)


def measure(params: Params, dataset: str, raw: Path) -> Unit:
    """Prepare a few examples in a folder that is thrown away, and time a step and an evaluation on them."""
    block, where = params.datasets[dataset], device(params.train.device)
    few = {"train": 2 * block.training.batch, "val": SAMPLE, "test": SAMPLE}
    few = {split: min(n, getattr(block.data, split)) for split, n in few.items()}
    few["train"] = max(few["train"], block.training.batch)
    module, sample = datasets.get(dataset), block.data.model_copy(update=few)
    torch.set_num_threads(params.train.threads)
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng():
        store.write_json(Path(folder) / "datasheet.json", module.prepare(raw, Path(folder), sample))
        problem = module.problem(Path(folder), block.training)
        torch.manual_seed(0)
        network = problem.network().to(where)
        # The first call pays for what later ones find ready.
        look = min(seconds(lambda: evaluate(problem, network, "test", where), where) for _ in range(2)) / few["test"]
        # What one of the processes has of a step; what they send each other is not in it.
        share = block.training.batch // params.train.processes
        step = _step(problem, block.training.model_copy(update={"batch": share}), where)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.npy"))
    state = network.state_dict().values()
    weights = sum(t.numel() * t.element_size() for t in state)
    return Unit(len(problem.tasks), weights, step, look, size / sum(few.values()))


def _step(problem: Problem, training: Training, where: torch.device) -> float:
    """Seconds of loading a batch and taking the plain LS step on it."""
    wall = {"wall": loading.clocks_on(where)["wall"]}
    order = torch.Generator().manual_seed(0)

    def timed(repeats: int, warm_up: int) -> float:
        found = loading.measure(problem, training, order, where, repeats=repeats, warm_up=warm_up, clocks=wall)
        return found.batch_seconds + found.step_seconds

    first = timed(1, 0)
    return first if first > LONG else timed(REPEATS, 1)


def _raw(root: Path, dataset: str, say: Callable[[str], None]) -> Path:
    """Where the raw files are, whole; see `samo.study.data.prepare`."""
    module, folder, given = datasets.get(dataset), root / "data/raw" / dataset, paths.given_data(dataset)
    if isinstance(module.RAW, Given):
        fetch.check_given(module.RAW, given)
        return given
    fetch.fetch(cast("Sequence[Any]", module.RAW), folder, given, lambda line: say(f"{dataset}: {line}"))
    return folder


def step_ratio(method: Method, tasks: int) -> float:
    """A method's step by the count of passes, as a multiple of an LS step with that many tasks."""
    if method.networks == "separate":
        return float(tasks)
    scalarised = method.aggregator_name in aggregation.SCALARISERS
    shape = sharpness.preset(method.preset_name, **method.preset_fields)
    return passes(shape, tasks, scalarised=scalarised) / 3


def _examples(params: Params, dataset: str) -> dict[str, int | None]:
    """How many each split has; None where all there are are taken."""
    data = params.datasets[dataset].data
    return {split: getattr(data, split) for split in ("train", "val", "test")}
