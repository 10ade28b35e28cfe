"""What a profile will cost on this machine, as a table for people."""

from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from samo.study import config
from samo.study.config import Params
from samo.study.grid import work
from samo.study.grid.estimate import Estimate, estimate
from samo.study.grid.remaining import duration


def show(root: Path, params: Params, workers: int) -> None:
    """Print what each dataset will take, what is missing, and the sum."""
    console = Console()
    found: dict[str, Estimate] = {}
    missing: list[str] = []
    with console.status("measuring") as status:
        for dataset in params.datasets:
            result = estimate(root, params, dataset, status.update)
            if isinstance(result, Estimate):
                found[dataset] = result
            else:
                missing.append(result)
    work.remember(root, params, {name: e.unit for name, e in found.items()})
    if found:
        console.print(_table(found, workers, str(config.device(params.train.device))))
    for line in missing:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if found:
        console.print(_sum(found, len(params.datasets), workers, work.others(root, params)))


def _table(found: dict[str, Estimate], workers: int, where: str) -> Table:
    title = f"LS step as measured on {where}, steps of a run, time with {workers} conditions side by side"
    table = Table(title=title, box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("dataset", "conditions", "tasks", "weights", "LS step", "steps", "time", "disk"):
        table.add_column(heading, justify="left" if heading == "dataset" else "right", no_wrap=True)
    for dataset, e in found.items():
        table.add_row(
            dataset,
            str(e.conditions),
            str(e.unit.tasks),
            size(e.unit.weights),
            f"{1e3 * e.unit.step:.0f} ms",
            str(e.steps),
            duration(e.seconds / workers),
            size(e.disk),
        )
    return table


def _sum(found: dict[str, Estimate], datasets: int, workers: int, others: float) -> str:
    conditions = sum(e.conditions for e in found.values())
    time = duration(sum(e.seconds for e in found.values()) / workers)
    rest = f" (without {datasets - len(found)} datasets whose data are missing)" if len(found) < datasets else ""
    return (
        f"together: {conditions} conditions, about {time}, {size(sum(e.disk for e in found.values()))} of disk{rest}; "
        f"data, analyses, tables and report about {duration(others)} more"
    )


def size(count: float) -> str:
    """Bytes as a person reads them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in {"B", "kB"} else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
