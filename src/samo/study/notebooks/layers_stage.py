"""The stage `analyse@…-layers`, and the command that turns its result into a choice of layers."""

import json
from pathlib import Path
from typing import cast

import pandas as pd

from samo.analysis.layers import Options, layers, ranking
from samo.study import store
from samo.study.config import Params
from samo.study.errors import NotebookError
from samo.study.notebooks.tables_stage import csv, read_histories
from samo.study.runs import results, trained

RANKED = results.Columns("method", "layer", "chosen", numbers=("epoch", "position", "mean"))
"""What the choice goes by."""


def write_layers(root: Path, params: Params, dataset: str) -> pd.DataFrame:
    """Summarise how task gradients agree on each layer, into data/analysis/<dataset>/layers.csv."""
    options = cast("Options", params.options("layers"))
    methods = trained.chosen(params, dataset, options)
    table = layers(read_histories(root, dataset, methods, "layers.csv"), options.choose)
    store.write_text(_result(root, dataset), csv(table))
    return table


def choice(root: Path, dataset: str, file: Path | None = None) -> str:
    """The layers that the analysis chose, as words for people and as what params.yaml may hold.

    Args:
        root: the project's folder.
        dataset: the analysis has been run on it.
        file: where the choice is written, too, as a JSON list: what `layers="@FILE"` of a sharpness reads. Settings of
            the study hold the names themselves, so that DVC sees a change.

    Raises:
        NotebookError: the analysis has not been run, or had no method to look at.
    """
    path = _result(root, dataset)
    if not path.exists():
        raise NotebookError(f"{path}: not there: `dvc repro analyse@{dataset}-layers` makes it")
    table = results.read_rows(path, RANKED)
    if table.empty:
        raise NotebookError(f"{path}: no layers: the profile has none of the methods that analyses.layers names")
    ranked = ranking(table)
    names = set(table.loc[table["chosen"], "layer"])
    chosen = [name for name in table["layer"].drop_duplicates() if name in names]
    if file is not None:
        store.write_text(file, json.dumps(chosen) + "\n")
    methods = ", ".join(table["method"].drop_duplicates())
    rows = [
        f"{'*' if row['layer'] in names else ' '} {row['movement']:.3f}  {row['layer']}"
        for row in ranked.to_dict("records")
    ]
    return "\n".join(
        [
            f"{dataset}: movement of the tasks' cosine on each layer over training ({methods}); * is chosen",
            *rows,
            f"for params.yaml: sharpness: {{preset: samo-sampled, layers: {{{dataset}: {json.dumps(chosen)}}}}}",
        ]
    )


def _result(root: Path, dataset: str) -> Path:
    return root / "data/analysis" / dataset / "layers.csv"
