"""The stage `analyse@…-conflict`: how much the task gradients of a dataset's cells agree."""

from pathlib import Path

import pandas as pd

from samo.analysis.conflict import conflict
from samo.study import store
from samo.study.notebooks.tables_stage import Pairs, by_dataset, csv, read_histories


def write_conflict(root: Path, dataset: str, pairs: Pairs) -> pd.DataFrame:
    """Summarise how much task gradients of one dataset agree, into data/analysis/<dataset>/conflict.csv.

    Args:
        root: the project's folder.
        dataset: the one to look at.
        pairs: the cells of the main tables.
    """
    table = conflict(read_histories(root, dataset, by_dataset(pairs).get(dataset, [])))
    store.write_text(root / "data/analysis" / dataset / "conflict.csv", csv(table))
    return table
