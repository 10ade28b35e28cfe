"""`samo bench`: the cost of a step for every preset, on this machine, beside what the count of passes gives."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from samo.aggregation import SCALARISERS
from samo.analysis.cost import Cost, Method, measure
from samo.models import celeba, lenet, mtan
from samo.optim.passes import Closure
from samo.optim.sharpness import PRESETS
from samo.study import store


@dataclass(frozen=True)
class Case:
    """A network with one made-up batch."""

    trunk: nn.Module
    heads: Sequence[nn.Module]
    closure: Closure


def _lenet(generator: torch.Generator) -> Case:
    """LeNet, K = 2, 256 images of 36 x 36."""
    network = lenet.build()
    x = torch.randn(256, 1, 36, 36, generator=generator)
    y = torch.randint(10, (2, 256), generator=generator)

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        return [F.cross_entropy(out, y[i]) for i, out in zip(tasks, network(x, tasks), strict=True)]

    return Case(network.trunk, list(network.heads), closure)


def _celeba(generator: torch.Generator, tasks: int = 40) -> Case:
    """The CelebA network, 32 images of 64 x 64."""
    network = celeba.build(tasks)
    x = torch.rand(32, 3, 64, 64, generator=generator)
    y = torch.randint(2, (tasks, 32, 1), generator=generator).float()

    def closure(asked: Sequence[int]) -> list[Tensor]:
        outputs = network(x, asked)
        return [F.binary_cross_entropy_with_logits(out, y[i]) for i, out in zip(asked, outputs, strict=True)]

    return Case(network.trunk, list(network.heads), closure)


def _celeba_two(generator: torch.Generator) -> Case:
    """The same with K = 2: beside K = 40 it shows what grows with the number of tasks."""
    return _celeba(generator, tasks=2)


def _mtan(generator: torch.Generator) -> Case:
    """SegNet-MTAN, K = 2, 2 images of 128 x 256."""
    network = mtan.build()
    x = torch.rand(2, 3, 128, 256, generator=generator)
    labels = torch.randint(7, (2, 128, 256), generator=generator)
    depth = torch.rand(2, 1, 128, 256, generator=generator)

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        outputs = network(x, tasks)
        return [
            F.cross_entropy(out, labels) if i == 0 else F.l1_loss(out, depth)
            for i, out in zip(tasks, outputs, strict=True)
        ]

    return Case(network.trunk, list(network.heads), closure)


PROBLEMS: dict[str, Callable[[torch.Generator], Case]] = {
    "lenet": _lenet,
    "celeba": _celeba,
    "celeba-k2": _celeba_two,
    "mtan": _mtan,
}


def bench(
    preset: list[str] | None,
    problem: list[str] | None,
    aggregator: list[str] | None,
    repeats: int,
    threads: int,
    out: Path,
) -> None:
    """Print time and peak memory of a step for every preset, as ratios to an LS step of the same run.

    Args:
        preset: which ones; all where None.
        problem: of `PROBLEMS`; all where None.
        aggregator: ls and mgda where None.
        repeats: interleaved rounds; the median is reported.
        threads: of a pass.
        out: the folder that gets a JSON file a problem.

    Raises:
        ValueError: one of the names is unknown.
    """
    console = Console()
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler that counts memory would talk between the tables
    torch.set_num_threads(threads)
    for name in known(problem, PROBLEMS, "problem"):
        generator = torch.Generator().manual_seed(0)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            case = PROBLEMS[name](generator)
        methods = [
            Method(f"{sharpness} + {rule}", rule, PRESETS[sharpness])
            for rule in aggregator or ["ls", "mgda"]
            for sharpness in known(preset, PRESETS, "preset")
            # Under a scalariser F-MTL's decompositions are one.
            if not (rule in SCALARISERS and sharpness.startswith("fmtl-"))
        ]
        with console.status(name) as status:
            costs = measure(
                case.trunk,
                case.heads,
                case.closure,
                methods,
                repeats=repeats,
                progress=lambda method, name=name: status.update(f"{name}: {method}"),  # type: ignore[misc]
            )
        console.print(_table(f"{name}: {PROBLEMS[name].__doc__}", costs))
        _write(out / f"{name}.json", costs, repeats, threads)


def known(chosen: list[str] | None, there: Iterable[str], what: str) -> list[str]:
    """The names chosen, or all that there are.

    Raises:
        ValueError: one of them is unknown; the message says `what` it should be, and which there are.
    """
    names = list(there)
    for name in chosen or []:
        if name not in names:
            raise ValueError(f"unknown {what} {name!r}: one of {', '.join(names)}")
    return chosen or names


def columns(title: str, headings: Sequence[str]) -> Table:
    """A table still without rows: names on the left, numbers on the right."""
    table = Table(title=title)
    for n, heading in enumerate(headings):
        table.add_column(heading, justify="right" if n else "left", no_wrap=True)
    return table


def _table(title: str, costs: Sequence[Cost]) -> Table:
    table = columns(title, ("step", "ms", "x LS", "quartiles", "count", "x count", "MB", "copies"))
    for cost in costs:
        table.add_row(
            cost.method,
            f"{1e3 * cost.seconds:.1f}",
            f"{cost.ratio:.2f}",
            f"{cost.ratio_low:.2f}-{cost.ratio_high:.2f}",
            f"{cost.count_ratio:.2f}",
            f"{cost.ratio / cost.count_ratio:.2f}",
            f"{cost.memory / 1e6:.0f}",
            f"{cost.copies:+.1f}",
        )
    return table


def _write(path: Path, costs: Sequence[Cost], repeats: int, threads: int) -> None:
    content = {"torch": torch.__version__, "threads": threads, "repeats": repeats, "steps": [asdict(c) for c in costs]}
    store.write_json(path, content)
