"""`samo bench --loading`: whether loading keeps up with training, on the prepared data of the active profile."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from samo.analysis.parts.loading import LIMIT, Loading, measure
from samo.study import config, paths, store
from samo.study.bench import columns, known
from samo.study.runs import trained


def bench_loading(dataset: list[str] | None, repeats: int, threads: int | None, out: Path) -> None:
    """Print the time of making a training batch, as a share of the plain LS step on it, for every prepared dataset.

    Args:
        dataset: which ones; all of the profile where None.
        repeats: batches and steps in turns; the median is reported.
        threads: of a pass; the profile's where None.
        out: the folder that gets loading.json.

    Raises:
        ValueError: no such dataset, or one without a whole batch.
    """
    console, params, root = Console(), config.load(), paths.root()
    threads = threads or params.train.threads
    torch.set_num_threads(threads)
    device = config.device(params.train.device)
    found: dict[str, Loading] = {}
    missing: list[str] = []
    for name in known(dataset, params.datasets, "dataset"):
        prepared, training = root / "data/prepared" / name, params.dataset[name].training
        if not prepared.is_dir():
            missing.append(name)
            continue
        with console.status(name), torch.random.fork_rng():
            torch.manual_seed(0)
            problem = trained.problem(root, params, name)
            generator = torch.Generator().manual_seed(0)
            try:
                found[name] = measure(problem, training, generator, device, repeats=repeats)
            except ValueError as error:
                raise ValueError(f"datasets.{name}: {error}") from error
    if found:
        console.print(_table(f"Loading beside the plain LS step, {device}, threads: {threads}", found))
    for name in missing:
        console.print(f"{name}: not prepared, call `dvc repro prepare@{name}`", highlight=False)
    content = {
        "torch": torch.__version__,
        "device": str(device),
        "threads": threads,
        "repeats": repeats,
        "limit": LIMIT,
        "datasets": {name: {**asdict(one), "keeps_up": one.keeps_up} for name, one in found.items()},
        "not_prepared": missing,
    }
    store.write_json(out / "loading.json", content)


def _table(title: str, found: Mapping[str, Loading]) -> Table:
    table = columns(title, ("dataset", "batch ms", "step ms", "share %", "quartiles", ""))
    for name, one in found.items():
        table.add_row(
            name,
            f"{1e3 * one.batch_seconds:.2f}",
            f"{1e3 * one.step_seconds:.2f}",
            f"{100 * one.share:.1f}",
            f"{100 * one.share_low:.1f}-{100 * one.share_high:.1f}",
            "" if one.keeps_up else f"above {100 * LIMIT:.0f} %",
            style=None if one.keeps_up else "red",
        )
    return table
