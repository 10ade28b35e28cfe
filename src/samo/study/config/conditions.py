"""The cells of the active profile: one problem x one method, with all its seeds."""

from dataclasses import dataclass
from pathlib import Path

from samo.study.config import Params


@dataclass(frozen=True)
class Cell:
    """One problem x one method; `kind` is the stage that runs it.

    "train", or "train-more" for methods under `more`, or "train-sensitivity" for variants under `sensitivity`.
    """

    dataset: str
    method: str
    kind: str = "train"

    @property
    def name(self) -> str:
        """As people read it."""
        return f"{self.dataset}/{self.method}"

    @property
    def stage(self) -> str:
        """As DVC names it."""
        return f"{self.kind}@{self.dataset}-{self.method}"

    @property
    def variant(self) -> bool:
        """Whether it is left out of main tables and analyses."""
        return self.kind == "train-sensitivity"

    @property
    def runs(self) -> Path:
        """Where its results lie, relative to the project's root."""
        return Path("data/runs") / self.dataset / self.method

    @property
    def models(self) -> Path:
        """Where its weights lie, apart from the results, so that tables hash small files only."""
        return Path("data/models") / self.dataset / self.method


def cells(params: Params) -> list[Cell]:
    """All cells, in the order of params.yaml: never what happens to lie on the disk."""
    kinds = dict.fromkeys(params.methods, "train") | dict.fromkeys(params.more.methods, "train-more")
    return [
        Cell(dataset, method, kinds.get(method, "train-sensitivity"))
        for dataset in params.datasets
        for method in params.methods_on(dataset)
    ]


def main(params: Params) -> list[tuple[str, str]]:
    """(dataset, method) of the cells that main tables and analyses are of."""
    return [(cell.dataset, cell.method) for cell in cells(params) if not cell.variant]


def variants(params: Params) -> list[tuple[str, str]]:
    """(dataset, method) of the others, which show how much the settings matter."""
    return [(cell.dataset, cell.method) for cell in cells(params) if cell.variant]
