"""What `samo layers` prints: the layers that the analysis `layers` chose, as params.yaml takes them."""

import json
from pathlib import Path

from samo.analysis.layers import ranking
from samo.study import store
from samo.study.errors import NotebookError
from samo.study.runs import results

RANKED = results.Columns("method", "layer", "chosen", numbers=("update", "position", "mean"))
"""What the choice goes by."""


def chosen_layers(root: Path, dataset: str, file: Path | None = None) -> str:
    """The layers that the analysis chose, as words for people and as what params.yaml may hold.

    Args:
        root: the project's folder.
        dataset: the analysis has been run on it.
        file: where the choice is written, too, as a JSON list: what `layers="@FILE"` of a sharpness reads. Settings of
            the study hold the names themselves, so that DVC sees a change.

    Raises:
        NotebookError: the analysis has not been run, or had no method to look at.
    """
    path = root / "data/analysis" / dataset / "layers.csv"
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
