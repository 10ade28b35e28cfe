"""`samo bench`: what a step of every preset costs on this machine, and whether loading keeps up with training."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.status import Status
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from samo.aggregation import SCALARISERS
from samo.analysis.cost import measure
from samo.analysis.parts import loading
from samo.models import celeba, lenet, mtan
from samo.optim.closures import Closure
from samo.optim.sharpness import PRESETS
from samo.study import config, paths, store
from samo.study.runs import trained

Loss = Callable[[Tensor], Tensor]
Case = tuple[nn.Module, list[nn.Module], Closure]
"""A network's trunk and heads, and the losses of one made-up batch."""


def _case(network: Any, x: Tensor, losses: Sequence[Loss]) -> Case:
    def closure(tasks: Sequence[int]) -> list[Tensor]:
        return [losses[i](out) for i, out in zip(tasks, network(x, tasks), strict=True)]

    return network.trunk, list(network.heads), closure


def _lenet(generator: torch.Generator) -> Case:
    x = torch.randn(256, 1, 36, 36, generator=generator)
    classes = torch.randint(10, (2, 256), generator=generator)
    return _case(lenet.build(), x, [partial(F.cross_entropy, target=y) for y in classes])


def _celeba(tasks: int, generator: torch.Generator) -> Case:
    x = torch.rand(32, 3, 64, 64, generator=generator)
    traits = torch.randint(2, (tasks, 32, 1), generator=generator).float()
    return _case(celeba.build(tasks), x, [partial(F.binary_cross_entropy_with_logits, target=y) for y in traits])


def _mtan(generator: torch.Generator) -> Case:
    x = torch.rand(2, 3, 128, 256, generator=generator)
    labels = torch.randint(7, (2, 128, 256), generator=generator)
    depth = torch.rand(2, 1, 128, 256, generator=generator)
    return _case(mtan.build(), x, [partial(F.cross_entropy, target=labels), partial(F.l1_loss, target=depth)])


PROBLEMS: dict[str, tuple[str, Callable[[torch.Generator], Case]]] = {
    "lenet": ("LeNet, K = 2, 256 images of 36 x 36.", _lenet),
    "celeba": ("The CelebA network, 32 images of 64 x 64.", partial(_celeba, 40)),
    "celeba-k2": (
        "The CelebA network with K = 2: beside K = 40 it shows what grows with the number of tasks.",
        partial(_celeba, 2),
    ),
    "mtan": ("SegNet-MTAN, K = 2, 2 images of 128 x 256.", _mtan),
}
"""Name -> what it is, and what makes it."""


def bench(
    presets: list[str] | None,
    problems: list[str] | None,
    aggregators: list[str] | None,
    repeats: int = 5,
    threads: int = 1,
    out: Path = Path("data/bench"),
) -> None:
    """Print time and peak memory of a step for every preset, as ratios to an LS step of the same run.

    None stands for all presets, for all problems, and for the aggregators ls and mgda; a ValueError refuses an unknown
    name. What is reported is the median of `repeats` interleaved rounds. The folder `out` gets a JSON file per problem.
    """
    console = Console()
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the memory profiler prints between the tables
    torch.set_num_threads(threads)
    for name in known(problems, PROBLEMS, "problem"):
        (title, make), generator = PROBLEMS[name], torch.Generator().manual_seed(0)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            trunk, heads, closure = make(generator)
        methods = {
            f"{sharpness} + {rule}": (rule, PRESETS[sharpness])
            for rule in aggregators or ["ls", "mgda"]
            for sharpness in known(presets, PRESETS, "preset")
            # With a scalariser, all of F-MTL's decompositions are the same.
            if not (rule in SCALARISERS and sharpness.startswith("fmtl-"))
        }
        with console.status(name) as status:
            tell = partial(_tell, status, name)
            costs = measure(trunk, heads, closure, methods, repeats=repeats, progress=tell)
        table = _table(f"{name}: {title}", "step|ms|x LS|quartiles|count|x count|MB|copies")
        steps = costs.to_dict("records")
        for cost in steps:
            ratios = f"{cost['ratio']:.2f}", f"{cost['ratio_low']:.2f}-{cost['ratio_high']:.2f}"
            counts = f"{cost['count_ratio']:.2f}", f"{cost['ratio'] / cost['count_ratio']:.2f}"
            memory = f"{cost['memory'] / 1e6:.0f}", f"{cost['copies']:+.1f}"
            table.add_row(cost["method"], f"{1e3 * cost['seconds']:.1f}", *ratios, *counts, *memory)
        console.print(table)
        facts = {"torch": torch.__version__, "threads": threads, "repeats": repeats}
        store.write_json(out / f"{name}.json", {**facts, "steps": steps})


def bench_loading(
    datasets: list[str] | None = None, repeats: int = 15, threads: int | None = None, out: Path = Path("data/bench")
) -> None:
    """Print the time of making a training batch, as a share of the plain LS step on it, for every prepared dataset.

    `datasets` is None for all of the profile; a ValueError names an unknown one, or one without a whole batch. What is
    reported is the median of `repeats` batches and steps, taken in turn. The folder `out` gets loading.json.
    """
    console, params, root = Console(), config.load(), paths.root()
    threads = threads or params.train.threads
    torch.set_num_threads(threads)
    device = config.device(params.train.device)
    title = f"Loading beside the plain LS step, {device}, threads: {threads}"
    table = _table(title, "dataset|batch ms|step ms|share %|quartiles|")
    found: dict[str, Any] = {}
    names = known(datasets, params.datasets, "dataset")
    there = [name for name in names if (root / "data/prepared" / name).is_dir()]
    for name in there:
        with console.status(name), torch.random.fork_rng():
            torch.manual_seed(0)
            problem, order = trained.problem(root, params, name), torch.Generator().manual_seed(0)
            try:
                one = loading.measure(problem, params.datasets[name].training, order, device, repeats=repeats)
            except ValueError as error:
                raise ValueError(f"datasets.{name}: {error}") from error
        found[name] = {**asdict(one), "keeps_up": one.keeps_up}
        times = f"{1e3 * one.batch_seconds:.2f}", f"{1e3 * one.step_seconds:.2f}"
        shares = f"{100 * one.share:.1f}", f"{100 * one.share_low:.1f}-{100 * one.share_high:.1f}"
        late, style = ("", None) if one.keeps_up else (f"above {100 * loading.LIMIT:.0f} %", "red")
        table.add_row(name, *times, *shares, late, style=style)
    missing = [name for name in names if name not in there]
    if found:
        console.print(table)
    for name in missing:
        console.print(f"{name}: not prepared, run `dvc repro prepare@{name}`", highlight=False)
    facts = {"torch": torch.__version__, "device": str(device), "threads": threads, "repeats": repeats}
    facts |= {"limit": loading.LIMIT, "datasets": found, "not_prepared": missing}
    store.write_json(out / "loading.json", facts)


def known(chosen: list[str] | None, there: Iterable[str], what: str) -> list[str]:
    """The chosen names, or all of them; a ValueError if one is unknown."""
    names = list(there)
    for name in chosen or []:
        if name not in names:
            raise ValueError(f"unknown {what} {name!r}: one of {', '.join(names)}")
    return chosen or names


def _tell(status: Status, problem: str, method: str) -> None:
    status.update(f"{problem}: {method}")


def _table(title: str, headings: str) -> Table:
    """A table without rows yet: names aligned left, numbers right."""
    table = Table(title=title)
    for n, heading in enumerate(headings.split("|")):
        table.add_column(heading, justify="right" if n else "left", no_wrap=True)
    return table
