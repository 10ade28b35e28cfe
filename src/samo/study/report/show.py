"""What `samo show`, `samo claims` and `samo layers` print: tables, one method's trials, verdicts, chosen layers."""

import json
from pathlib import Path

import pandas as pd
from rich.console import Console

from samo.analysis.layers import ranking
from samo.claims import characteristics as made_worlds
from samo.claims import numbers
from samo.claims.table import effect, reading
from samo.results.tables import Run, metric_columns
from samo.study import store
from samo.study.config import Params
from samo.study.config.conditions import condition
from samo.study.errors import NotebookError
from samo.study.report import reference, tables
from samo.study.report.sources import Sources
from samo.study.report.table import Cell, Table, number, terminal, verdict
from samo.study.runs import results

MAIN = results.Columns("method", numbers=("delta_m", "delta_m_low", "delta_m_high", "gain", "mean_rank"))
CLAIMS = results.Columns(
    *("claim", "source", "dataset", "base", "case", "needs", "verdict", "why"),
    counts=("number",),
    numbers=("effect", "low", "high", "seeds"),
    infinite=True,
)
RATIOS = {"claim": 5, "pooled effect, 95 %": 4, "why": 4, "why (this run)": 4, "where": 3, "effect, 95 %": 4}
"""Columns whose text may be wrapped -> share of the width."""
WIDE = 18  # characters that a metric takes on the screen; if not all fit, `samo show DATASET METHOD` has them


def show(root: Path, params: Params, dataset: str, method: str | None = None, console: Console | None = None) -> None:
    """Print a dataset's table, or one method's choice, trials and test values seed by seed.

    Raises:
        ValueError: the profile has no such dataset, or no such method on it.
        FileNotFoundError: it was not run yet.
    """
    if dataset not in params.datasets:
        raise ValueError(f"no dataset {dataset!r} in params.yaml: it has {', '.join(params.datasets)}")
    out = console or Console()
    if method is None:
        main = results.read_rows(store.needed(root, Path("reports/tables") / f"{dataset}.csv"), MAIN)
        fits = 90 + WIDE * len(metric_columns(main)) <= out.width
        read = Sources(root, params)
        shown = tables.main(dataset, main, read.measures(dataset), read.best(dataset), metrics=fits, chosen=True)
        out.print(terminal(shown))
        return
    own = condition(params, dataset, method)
    metrics = results.read_metrics(store.needed(root, own.runs / "metrics.json"))
    searched = results.read_search(root / own.search)
    for updates in map(int, metrics["updates"]):
        run = results.view(metrics, searched, updates)
        out.print(terminal(_values(run)))
        out.print(terminal(_trials(run)))


def _values(run: Run) -> Table:
    """The test values, a column per seed; those that do not count come last."""
    rows = []
    for m in (*run["metrics"], *run["aside"]):
        by_seed = [of.get(m["task"], {}).get(m["metric"]) for of in run["seeds"].values()]
        rows.append([Cell(f"{m['task']} {m['metric']}, {m['unit']}".rstrip(", ")), *(number(v, 3) for v in by_seed)])
    what = f"{run['dataset']} / {run['method']}, {run['updates']:,} updates: test values"
    return Table("values", what, ["metric", *(f"seed {seed}" for seed in run["seeds"])], rows)


def _trials(run: Run) -> Table:
    """The trials of the search, with the choice marked."""
    chosen, rows = run["search"]["chosen"], []
    for trial in run["search"]["trials"]:
        taken = "chosen" if chosen.items() <= trial.items() else ""
        rows.append([*(number(trial.get(name)) for name in chosen), number(trial["score"], 3), Cell(taken)])
    given = [*map(number, chosen.values()), Cell("nothing to choose"), Cell("given")]
    return Table("trials", "tried on validation data", [*chosen, "validation score", ""], rows or [given])


def show_claims(
    root: Path, of: int | None = None, console: Console | None = None, run: reference.Reference | None = None
) -> None:
    """Print the verdicts, or all comparisons of claim `of`: of the run at hand, or of a shipped `run`, judged anew.

    Raises:
        ValueError: there is no claim of that number.
        FileNotFoundError: no claim was judged yet, or not this one.
    """
    if of is not None and of not in numbers():
        raise ValueError(f"claim {of}: there are {min(numbers())} to {max(numbers())}")
    out = console or Console()
    if run is not None:
        with out.status("judging the reference run"):
            claims = run.claims
    else:
        claims = results.read_rows(store.needed(root, Path("reports/tables/claims.csv")), CLAIMS)
    if of is not None:
        own = claims[claims["number"] == of]
        if own.empty:
            anew = f"`make repro` judges it, `samo claims {of} --from study` on the reference run"
            raise FileNotFoundError(f"claim {of} has not been judged yet: {anew}")
        out.print(terminal(_comparisons(own), RATIOS))
        return
    shipped = {} if run else reference.verdicts(reference.judged(root))
    out.print(terminal(tables.claims(claims, {"reference run": shipped} if shipped else {}), RATIOS))
    out.print(reading(claims), style="dim")
    source = f"--from {run.folder.name} " if run else ""
    out.print(f"samo claims {source}NUMBER shows a claim's comparisons.", style="dim")


def _comparisons(own: pd.DataFrame) -> Table:
    """The whole claim, then its comparisons, run or not."""
    texts = ["base", "case", "needs", "why"]
    own = own.fillna(dict.fromkeys(texts, ""))
    rows = []
    for row in own.to_dict("records"):
        where = Cell(" ".join(filter(None, (row["dataset"], row["base"], row["case"]))))
        said = [Cell(effect(row)), Cell(row["needs"]), number(row["seeds"], 0)]
        rows.append([where, *said, verdict(row["verdict"]), Cell(row["why"])])
    first = own.iloc[0]
    title = f"{first['number']}. {first['claim']} ({first['source']})"
    return Table("claim", title, ["where", "effect, 95 %", "holds if", "seeds", "verdict", "why"], rows)


def characteristics(root: Path, worlds: int, of: int | None = None) -> str:
    """How often the rule errs, as Markdown: simulated worlds with the places, seeds and noise of the reference run.

    Raises FileNotFoundError if no reference run is shipped.
    """
    asked = made_worlds.CLAIMS if of is None else (of,)
    return made_worlds.markdown(made_worlds.table(reference.needed(root).evidence, worlds, asked))


def chosen_layers(root: Path, dataset: str, file: Path | None = None) -> str:
    """The layers that the analysis chose, as text for the reader and as a setting for params.yaml.

    The choice is also written to `file`, as a JSON list that a sharpness reads with `layers="@FILE"`.

    Raises:
        NotebookError: the analysis has not been run, or had no method to look at.
    """
    path = root / "data/analysis" / dataset / "layers.csv"
    if not path.exists():
        raise NotebookError(f"{path}: not there: `dvc repro analyse@{dataset}-layers` makes it")
    kind = results.Columns("method", "layer", "chosen", numbers=("update", "position", "mean"))
    table = results.read_rows(path, kind)
    if table.empty:
        raise NotebookError(f"{path}: no layers: the profile has none of the methods that analyses.layers names")
    names = set(table.loc[table["chosen"], "layer"])
    chosen = [name for name in table["layer"].drop_duplicates() if name in names]
    if file is not None:
        store.write_text(file, json.dumps(chosen) + "\n")
    methods = ", ".join(table["method"].drop_duplicates())
    said = [f"{dataset}: movement of the tasks' cosine on each layer over training ({methods}); * is chosen"]
    for row in ranking(table).to_dict("records"):
        said.append(f"{'*' if row['layer'] in names else ' '} {row['movement']:.3f}  {row['layer']}")
    block = f"{{preset: samo-sampled, layers: {{{dataset}: {json.dumps(chosen)}}}}}"
    return "\n".join([*said, f"for params.yaml: sharpness: {block}"])
