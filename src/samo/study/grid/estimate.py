"""The seconds that each stage is expected to take, from one measured step per dataset; and what a profile will cost."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.box import SIMPLE
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from samo import datasets
from samo.analysis.cost import seconds, units
from samo.analysis.parts import loading
from samo.datasets.parts.sources import Given
from samo.datasets.parts.tasks import SPLITS
from samo.optim import sharpness
from samo.study import paths, store
from samo.study.config import Params, device, plan
from samo.study.config.conditions import conditions
from samo.study.data import fetch
from samo.study.errors import FetchError
from samo.study.grid.display import duration
from samo.training.evaluation import evaluate

OVERHEAD = 8.0  # seconds that a condition takes besides its training: Python, the notebook, DVC's bookkeeping
SAMPLE = 16  # the most validation and test examples in the sample
REPEATS, LONG = 3, 4.0  # steps timed after a warm-up step; just that one if it took more than `LONG` seconds
KNOWN = Path(".samo/seconds.json")
"""What was measured on this machine: steps, by the settings they hold for, and how long other stages last took."""
USUAL = {"fetch": 5.0, "prepare": 10.0, "toys": 45.0, "analyse": 20.0, "tables": 30.0, "report": 40.0}
"""Seconds of stages that have never run here, measured with the profile `laptop` on one core."""
STEP = 0.009  # seconds of an LS step if none was measured; the first training corrects it


class Unit(NamedTuple):
    """What was measured on a small sample of a dataset, with the network and batch of the profile."""

    tasks: int
    weights: int  # bytes of the network's parameters and buffers
    step: float  # seconds of one plain LS step with loading; of one process's share if several share a batch
    look: float  # seconds to evaluate one example
    stored: float  # bytes that one prepared example takes


def measure(root: Path, params: Params, dataset: str, say: Callable[[str], None]) -> Unit:
    """Prepare a few examples in a folder that is thrown away, and time a step and an evaluation on them.

    Raw files that may be downloaded go into the project, where the stage `fetch` finds them later. Raises FetchError
    if some are missing (the message says what to put where), and ValueError if one is not what it should be, or if the
    profile does not say how many examples it takes.
    """
    module, block, where = datasets.get(dataset), params.datasets[dataset], device(params.train.device)
    data, batch = block.data, block.training.batch
    if unknown := [split for split in SPLITS if getattr(data, split) is None]:
        raise ValueError(f"no estimate: data.{', data.'.join(unknown)} takes all; give a number")
    raw, given = root / "data/raw" / dataset, paths.given_data(dataset)
    if isinstance(module.RAW, Given):
        fetch.check_given(module.RAW, raw := given)
    else:
        fetch.fetch(module.RAW, raw, given, lambda line: say(f"{dataset}: {line}"))
    say(f"{dataset}: measuring a step")
    few = {split: min(SAMPLE, getattr(data, split)) for split in SPLITS}
    few["train"] = max(batch, min(2 * batch, data.train))
    torch.set_num_threads(params.train.threads)
    with tempfile.TemporaryDirectory() as name, torch.random.fork_rng():
        folder = Path(name)
        store.write_json(folder / "datasheet.json", module.prepare(raw, folder, data.model_copy(update=few)))
        problem = module.problem(folder, block.training)
        torch.manual_seed(0)
        network = problem.network().to(where)
        # The first call pays for what later ones find ready.
        look = min(seconds(lambda: evaluate(problem, network, "test", where), where) for _ in range(2)) / few["test"]
        # One process's share of a step; what the processes send each other is not counted.
        share = block.training.model_copy(update={"batch": batch // params.train.processes})

        def step(repeats: int, warm_up: int) -> float:
            wall, order = {"wall": loading.clocks_on(where)["wall"]}, torch.Generator().manual_seed(0)
            found = loading.measure(problem, share, order, where, repeats=repeats, warm_up=warm_up, clocks=wall)
            return found.batch_seconds + found.step_seconds

        first = step(1, 0)
        typical = first if first > LONG else step(REPEATS, 1)
        size = sum(path.stat().st_size for path in folder.rglob("*.npy"))
    weights = sum(t.numel() * t.element_size() for t in network.state_dict().values())
    return Unit(len(problem.tasks), weights, typical, look, size / sum(few.values()))


def condition_seconds(params: Params, dataset: str, name: str, unit: Unit) -> float:
    """Seconds of one condition, from the passes of its step relative to an LS step's, including `OVERHEAD`."""
    training, method = params.datasets[dataset].training, params.methods_on(dataset)[name]
    data, own = params.datasets[dataset].data, plan(params, dataset, name)
    separate = method.networks == "separate"
    shape = sharpness.preset(method.preset_name, **method.preset_fields)
    step = unit.step * units(shape, method.aggregator_name, unit.tasks, separate=separate)
    look = unit.look * (unit.tasks if separate else 1)
    # A look at a mini-batch's conflict takes a forward pass, and a backward pass per task; an LS step has three passes.
    watched = 0 if separate or unit.tasks == 1 else training.conflict_batches
    evaluations = sum(len(training.evaluated_at(n)) for n in own.finals)
    looks = min(watched * evaluations, sum(own.finals)) * unit.step * (1 + 2 * unit.tasks) / 3
    val = data.val or 0  # None: all that there are
    seen = evaluations * (val + (data.test or 0)) + len(own.trials) * val
    return float(OVERHEAD + sum((*own.trials, *own.finals)) * step + looks + seen * look)


def show(root: Path, params: Params, workers: int) -> None:
    """Print what each dataset will take, what is missing, and the total; measured steps are kept for the run."""
    console = Console()
    title = f"LS step as measured on {device(params.train.device)}, steps of a run, time with {workers} conditions"
    table = Table(title=f"{title} side by side", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("dataset", "conditions", "tasks", "weights", "LS step", "steps", "time", "disk"):
        table.add_column(heading, justify="left" if heading == "dataset" else "right", no_wrap=True)
    units: dict[str, Unit] = {}
    missing: list[str] = []
    with console.status("measuring") as status:
        for dataset in params.datasets:
            try:
                units[dataset] = measure(root, params, dataset, status.update)
            except (FetchError, OSError, ValueError) as error:
                missing.append(f"{dataset}: {error}")
    remember(root, params, units)
    conditions, seconds, disk = 0, 0.0, 0.0
    for dataset, unit in units.items():
        methods, updates = params.methods_on(dataset), params.updates_on(dataset)
        networks = sum(unit.tasks if method.networks == "separate" else 1 for method in methods.values())
        examples = sum(getattr(params.datasets[dataset].data, split) for split in SPLITS)
        size = examples * unit.stored + len(params.seeds_on(dataset)) * len(updates) * networks * unit.weights
        took = sum(condition_seconds(params, dataset, method, unit) for method in methods) / workers
        step, sizes = f"{1e3 * unit.step:.0f} ms", (decimal(unit.weights), decimal(int(size)))
        counts = str(len(methods)), str(unit.tasks)
        table.add_row(dataset, *counts, sizes[0], step, str(updates[-1]), duration(took), sizes[1])
        conditions, seconds, disk = conditions + len(methods), seconds + took, disk + size
    if units:
        console.print(table)
    for line in missing:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if units:
        rest = f" (without {len(missing)} datasets whose data are missing)" if missing else ""
        names = [f"{kind}@{dataset}" for dataset in params.datasets for kind in ("fetch", "prepare")]
        names += [f"analyse@{dataset}-{analysis}" for dataset in params.datasets for analysis in params.analyses]
        others = sum(map(weights(root, params), (*names, "toys", "tables", "report")))
        console.print(
            f"together: {conditions} conditions, about {duration(seconds)}, {decimal(int(disk))} of disk{rest}; "
            f"data, analyses, tables and report about {duration(others)} more"
        )


def weights(root: Path, params: Params) -> Callable[[str], float]:
    """Stage -> the seconds that it is expected to take.

    For a condition they follow from measured steps if every dataset has one, else from the count of passes alone, as
    if a step took equally long on every dataset, and K were 2.
    """
    units = recall(root, params)
    if set(units) != set(params.datasets):
        units = dict.fromkeys(params.datasets, Unit(2, 0, STEP, 0.0, 0.0))
    of = {
        one.stage: condition_seconds(params, one.dataset, one.method, units[one.dataset]) for one in conditions(params)
    }
    of |= {name: took for name, took in _known(root).items() if isinstance(took, float)}
    return lambda stage: of.get(stage, USUAL.get(stage.split("@")[0], OVERHEAD))


def remember(root: Path, params: Params, units: Mapping[str, Unit]) -> None:
    """Keep measured steps for the next run of the same datasets."""
    _keep(root, {_settings(params, name): unit for name, unit in units.items()})


def recall(root: Path, params: Params) -> dict[str, Unit]:
    """The measured steps that still hold for a profile."""
    known = _known(root)
    return {name: Unit(*known[key]) for name in params.datasets if (key := _settings(params, name)) in known}


def note(root: Path, took: Mapping[str, float]) -> None:
    """Keep how long stages took, for the next estimate; not of trainings, which measured steps predict better."""
    _keep(root, {name: float(round(seconds, 1)) for name, seconds in took.items() if not name.startswith("train")})


def _settings(params: Params, dataset: str) -> str:
    block, train = params.datasets[dataset], params.train
    said = [dataset, block.data.model_dump(), block.training.model_dump(), train.threads, train.device, train.processes]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _known(root: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((root / KNOWN).read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _keep(root: Path, found: dict[str, Any]) -> None:
    if found:
        store.write_text(root / KNOWN, json.dumps(_known(root) | found, indent=1) + "\n")
