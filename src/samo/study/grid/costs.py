"""What a profile will cost on this machine, as a table for people."""

from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from samo.study import config
from samo.study.config import Params
from samo.study.errors import FetchError
from samo.study.grid import estimate
from samo.study.grid.remaining import duration

HEADINGS = ("dataset", "conditions", "tasks", "weights", "LS step", "steps", "time", "disk")


def show(root: Path, params: Params, workers: int) -> None:
    """Print what each dataset will take, what is missing, and the sum; the measured steps are kept for the run."""
    console = Console()
    where = config.device(params.train.device)
    title = f"LS step as measured on {where}, steps of a run, time with {workers} conditions side by side"
    table = Table(title=title, box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "dataset" else "right", no_wrap=True)
    units: dict[str, estimate.Unit] = {}
    missing: list[str] = []
    conditions, seconds, disk = 0, 0.0, 0.0
    with console.status("measuring") as status:
        for dataset in params.datasets:
            sizes = estimate.examples(params, dataset)
            if unknown := [split for split, n in sizes.items() if n is None]:
                missing.append(f"{dataset}: no estimate: data.{', data.'.join(unknown)} takes all; give a number")
                continue
            try:
                units[dataset] = unit = estimate.measure(root, params, dataset, status.update)
            except (FetchError, OSError, ValueError) as error:
                missing.append(f"{dataset}: {error}")
                continue
            methods = params.methods_on(dataset)
            networks = sum(unit.tasks if method.networks == "separate" else 1 for method in methods.values())
            own_disk = sum(n or 0 for n in sizes.values()) * unit.stored
            own_disk += len(params.seeds_on(dataset)) * len(params.updates_on(dataset)) * networks * unit.weights
            own = sum(estimate.condition_seconds(params, dataset, method, unit) for method in methods) / workers
            step, steps = f"{1e3 * unit.step:.0f} ms", str(params.updates_on(dataset)[-1])
            sized = decimal(unit.weights), step, steps, duration(own), decimal(int(own_disk))
            table.add_row(dataset, str(len(methods)), str(unit.tasks), *sized)
            conditions, seconds, disk = conditions + len(methods), seconds + own, disk + own_disk
    estimate.remember(root, params, units)
    if units:
        console.print(table)
    for line in missing:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if units:
        rest = f" (without {len(missing)} datasets whose data are missing)" if missing else ""
        names = [f"{kind}@{dataset}" for dataset in params.datasets for kind in ("fetch", "prepare")]
        names += [f"analyse@{dataset}-{analysis}" for dataset in params.datasets for analysis in params.analyses]
        others = sum(map(estimate.weights(root, params), (*names, "toys", "tables", "report")))
        console.print(
            f"together: {conditions} conditions, about {duration(seconds)}, {decimal(int(disk))} of disk{rest}; "
            f"data, analyses, tables and report about {duration(others)} more"
        )
