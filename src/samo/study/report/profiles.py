"""The active profile beside the others: which one holds what this one does not, and what differs from the papers'."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from samo.results.tables import text
from samo.study import profile
from samo.study.config import Params
from samo.training.search import Search

Holds = Callable[[Params], bool]
"""Whether a profile holds what is asked for."""
PAPERS = "paper"
"""The profile that spells the papers' settings out, and whose they are."""
UNSEEN = {"seed", "conflict_batches"}
"""Settings that change which of several equal draws is taken, or nothing at all."""
SIZES = ("laptop", "mini", "study")
"""Profiles from small to large, before the others."""


def absent(root: Path, what: str, holds: Holds) -> str:
    """One line in the place of a section: what is missing, and which ready-made profile has it."""
    found = [name for name in profile.names(root) if name != "smoke" and holds(profile.read(root, name)[1])]
    if not found:
        return f"Not in this profile: {what}. No ready-made profile has it: a line in params.yaml brings it."
    sizes = {name: SIZES.index(name) if name in SIZES else len(SIZES) for name in found}
    commands = " or ".join(f"`samo profile {name}`" for name in sorted(found, key=lambda name: sizes[name]))
    return f"Not in this profile: {what}. {commands} has it."


def has_dataset(name: str) -> Holds:
    """Whether a profile has this dataset."""
    return lambda params: name in params.datasets


def has_sharpness(*names: str, separate: bool = False) -> Holds:
    """Whether some dataset of a profile has methods with every one of these sharpnesses."""
    networks = "separate" if separate else "shared"

    def holds(params: Params) -> bool:
        return any(
            set(names) <= {m.preset_name for m in params.main_on(dataset).values() if m.networks == networks}
            for dataset in params.datasets
        )

    return holds


def varies(field: str) -> Holds:
    """Whether a profile has variants in which this field of a sharpness is changed."""
    return lambda params: any(
        field in method.preset_fields and dataset in params.datasets
        for dataset in params.sensitivity.datasets
        for method in params.sensitivity.methods.values()
    )


def differs(root: Path, params: Params, dataset: str) -> list[str] | None:
    """Each setting that differs from the papers', as words: "training.batch is 32, the papers' 256".

    None where the profile `paper` is missing or does not hold the dataset.
    """
    if PAPERS not in profile.names(root):
        return None
    theirs = profile.read(root, PAPERS)[1]
    if dataset not in theirs.datasets:
        return None
    found = []
    for part in ("data", "training"):
        ours, papers = _block(params, dataset, part), _block(theirs, dataset, part)
        given = dict.fromkeys([*_given(params, dataset, part), *_given(theirs, dataset, part)])
        found += [
            f"{part}.{key} is {_said(ours.get(key))}, the papers' {_said(papers.get(key))}"
            for key in given
            if key not in UNSEEN and ours.get(key) != papers.get(key)
        ]
    if (n := params.updates_on(dataset)[-1]) != (of := theirs.updates_on(dataset)[-1]):
        found.append(f"updates: {n:,}, the papers' {of:,}")
    ours_grid, theirs_grid = _searched(_grid(params, dataset)), _searched(_grid(theirs, dataset))
    if ours_grid != theirs_grid:
        found.append(f"searched are {ours_grid}, the papers' scripts have {theirs_grid}")
    seeds, papers_seeds = len(params.seeds_on(dataset)), len(theirs.seeds_on(dataset))
    if seeds != papers_seeds:
        found.append(f"seeds: {seeds}, the papers' {papers_seeds}")
    return found


def _given(params: Params, dataset: str, part: str) -> list[str]:
    """The settings that the file gives."""
    return list(getattr(params.datasets[dataset], part).model_dump(exclude_unset=True))


def _block(params: Params, dataset: str, part: str) -> Mapping[str, Any]:
    """A block's settings, with the defaults of what is not given."""
    return dict(getattr(params.datasets[dataset], part).model_dump())


def _grid(params: Params, dataset: str) -> Search:
    search: Search = params.datasets[dataset].search
    return search


def _searched(grid: Search) -> str:
    alpha = f" and alpha {_said(grid.alpha)}" if grid.alpha else ""
    return f"lr {_said(grid.lr)} and rho {_said(grid.rho)}{alpha}"


def _said(value: object) -> str:
    """A setting as a person reads it; one that is not set is "none"."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    if isinstance(value, int):
        return f"{value:,}"
    return text(value) if isinstance(value, float) else str(value)
