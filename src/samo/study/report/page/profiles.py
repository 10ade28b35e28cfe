"""The active profile beside the others: which one has what it lacks, and where it differs from the papers'."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from samo.study import profile
from samo.study.config import Params
from samo.study.report.page.render import fact

Holds = Callable[[Params], bool]
"""Whether a profile holds what is asked for."""
PAPERS = "paper"  # the profile that spells the papers' settings out, and whose they are
UNSEEN = {"data.seed", "training.conflict_batches"}  # another of equivalent draws, or no change at all
SIZES = ("laptop", "mini", "study")  # profiles from small to large, before the others


def absent(root: Path, what: str, holds: Holds) -> str:
    """One line instead of a section: what is missing, and which ready-made profile has it."""
    names = sorted(profile.names(root), key=lambda name: (*SIZES, name).index(name))
    found = [f"`samo profile {name}`" for name in names if name != "smoke" and holds(profile.read(root, name)[1])]
    has = f"{' or '.join(found)} has it" if found else "No ready-made profile has it: a line in params.yaml brings it"
    return f"Not in this profile: {what}. {has}."


def has_dataset(name: str) -> Holds:
    """Whether a profile has this dataset."""
    return lambda params: name in params.datasets


def has_sharpness(*names: str, separate: bool = False) -> Holds:
    """Whether some dataset of a profile has methods with every one of these sharpnesses."""
    networks = "separate" if separate else "shared"
    return lambda params: any(
        set(names) <= {m.preset_name for m in params.main_on(dataset).values() if m.networks == networks}
        for dataset in params.datasets
    )


def varies(field: str) -> Holds:
    """Whether a profile has variants in which this field of a sharpness is changed."""
    return lambda params: any(
        field in method.preset_fields and dataset in params.datasets
        for dataset in params.sensitivity.datasets
        for method in params.sensitivity.methods.values()
    )


def differs(root: Path, params: Params, dataset: str) -> list[str] | None:
    """Each setting that differs from the papers', as text: "training.batch is 32, the papers' 256".

    None where the profile `paper` is missing or does not hold the dataset.
    """
    if PAPERS not in profile.names(root) or dataset not in (papers := profile.read(root, PAPERS)[1]).datasets:
        return None
    ours, theirs = _settings(params, dataset), _settings(papers, dataset)
    return [
        f"{key} is {_said(ours.get(key))}, the papers' {_said(theirs.get(key))}"
        for key in {**ours, **theirs}
        if key not in UNSEEN and ours.get(key) != theirs.get(key)
    ]


def _settings(params: Params, dataset: str) -> dict[str, Any]:
    """A dataset's settings by dotted name, defaults included, with its budgets and number of seeds."""
    block = params.datasets[dataset].model_dump(include={"data", "training", "search"})
    found = {f"{part}.{key}": value for part, settings in block.items() for key, value in settings.items()}
    return found | {"updates": params.updates_on(dataset), "seeds": len(params.seeds_on(dataset))}


def _said(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "on", False: "off"}[value]
    return fact(value)
