"""What the report reads: tables, numbers of figures and datasheets, or empty frames where nothing has been run."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from samo.study import store
from samo.study.config import Params
from samo.study.runs.results import REMEDY, Columns, read_rows

NUMBERS = ("method", "update", "metric", "measure", "value")
"""Columns that a figure's numbers always have, so that a sentence about them can say that there are none."""


def frame(path: Path, *columns: str, counts: Collection[str] = (), remedy: str = REMEDY) -> pd.DataFrame:
    """A table as of `samo.study.runs.results.read_rows`; without rows if the file is missing."""
    needed = Columns(*columns, counts=counts)
    return read_rows(path, needed, remedy) if path.exists() else pd.DataFrame(columns=list(needed.names))


@dataclass(frozen=True)
class Sources:
    """The files of the stages before the report, of the datasets and methods in the profile."""

    root: Path
    params: Params

    def table(self, dataset: str) -> pd.DataFrame:
        """The main table; rows of gaps if it is not there."""
        found = self._table(f"{dataset}.csv", "method")
        return found if len(found) else pd.DataFrame({"method": list(self.params.main_on(dataset)), "n_seeds": 0})

    def measures(self, dataset: str) -> pd.DataFrame:
        return self._table(f"{dataset}-measures.csv", "task", "metric", "unit")

    def best(self, dataset: str) -> dict[str, str]:
        """Column -> the method that is bold there."""
        found = self._table(f"{dataset}-best.csv", "column", "method").dropna()
        return dict(zip(found["column"], found["method"], strict=True))

    def sensitivity(self, dataset: str) -> pd.DataFrame:
        return self._table(f"{dataset}-sensitivity.csv", "field")

    def trials(self, dataset: str) -> pd.DataFrame:
        return self._table("search.csv", "dataset", "method").query("dataset == @dataset")

    def claims(self) -> pd.DataFrame:
        return self._table("claims.csv", "number", "dataset", "verdict")

    def numbers(self, dataset: str, kind: str) -> pd.DataFrame:
        """The numbers of a figure."""
        path = self.root / "reports/figures" / f"{dataset}-{kind}.csv"
        return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=list(NUMBERS))

    def sheet(self, dataset: str) -> dict[str, Any]:
        """The datasheet with the splits as rows of their own, then the dataset's settings in the profile."""
        path = self.root / "data/prepared" / dataset / "datasheet.json"
        sheet = dict(store.read_json(path)) if path.exists() else {}
        splits = {f"{name} split": facts for name, facts in sheet.pop("splits", {}).items()}
        lead = {key: sheet[key] for key in ("what", "subset_of") if key in sheet}
        return lead | sheet | splits | self.params.datasets[dataset].model_dump(exclude_unset=True)

    def _table(self, name: str, *columns: str) -> pd.DataFrame:
        return frame(self.root / "reports/tables" / name, *columns)
