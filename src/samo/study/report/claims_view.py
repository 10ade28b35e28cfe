"""What `samo claims` prints."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from samo.claims import numbers
from samo.claims.table import ALL, effect, reading
from samo.figures.palette import VERDICTS
from samo.study import store
from samo.study.report import reference
from samo.study.runs import results

TEXTS = ("claim", "source", "dataset", "base", "case", "needs", "verdict", "why")
TABLE = results.Columns(*TEXTS, counts=("number",), numbers=("effect", "low", "high", "seeds"), infinite=True)


def show(root: Path, number: int | None = None, console: Console | None = None, study: bool = False) -> None:
    """Print the verdicts: a line a claim, or all comparisons of one.

    Args:
        root: the project's folder.
        number: of a claim.
        console: where to print.
        study: those of the reference run, judged anew from its shipped tables; else those of the run at hand, from
            reports/tables/claims.csv, with the reference run's beside them.

    Raises:
        ValueError: there is no claim of that number.
        FileNotFoundError: nothing was judged yet, or no reference run is shipped.
    """
    if number is not None and number not in numbers():
        raise ValueError(f"claim {number}: there are {min(numbers())} to {max(numbers())}")
    out = console or Console()
    claims = _of_study(root, out) if study else _at_hand(root)
    beside = {} if study else reference.verdicts(root)
    out.print(_claims(claims, beside) if number is None else _comparisons(claims[claims["number"] == number]))
    if number is None:
        out.print(reading(claims), style="dim")
        out.print(f"samo claims {'--from study ' * study}NUMBER shows a claim's comparisons.", style="dim")


def _at_hand(root: Path) -> pd.DataFrame:
    path = store.needed(root, Path("reports/tables/claims.csv"))
    results.read_rows(path, TABLE)  # refuses what is none
    return pd.read_csv(path, keep_default_na=False, na_values={"effect": "", "low": "", "high": "", "seeds": ""})


def _of_study(root: Path, out: Console) -> pd.DataFrame:
    with out.status("judging the reference run"):
        run = reference.load(root)
        if run is None:
            raise FileNotFoundError(f"{reference.FOLDER} is not there: {reference.MEND}")
        return run.claims


def _claims(claims: pd.DataFrame, beside: Mapping[int, str]) -> Table:
    """`beside` holds the reference run's verdicts, where it is another run."""
    more = ["reference"] if beside else []
    table = Table("", "claim", "verdict", *more, "pooled effect, 95 %", "why", box=None, pad_edge=False)
    for column in (0, *range(2, 3 + len(more))):
        table.columns[column].no_wrap = True
    for column, ratio in ((1, 5), (-2, 4), (-1, 4)):
        table.columns[column].ratio = ratio
    for row in claims[claims["dataset"] == ALL].to_dict("records"):
        verdicts = [_word(row["verdict"]), *(_word(beside[row["number"]]) for _ in more)]
        table.add_row(str(row["number"]), Text(row["claim"]), *verdicts, Text(effect(row)), Text(row["why"]))
    return table


def _comparisons(claims: pd.DataFrame) -> Table:
    first = claims.iloc[0]
    table = Table("where", "effect, 95 %", "needs", "seeds", "verdict", "why", box=None, pad_edge=False)
    table.title, table.title_justify = f"{first['number']}. {first['claim']} ({first['source']})", "left"
    table.columns[4].no_wrap = True
    for row in claims.to_dict("records"):
        where = " ".join(filter(None, (row["dataset"], row["base"], row["case"])))
        seeds = "" if pd.isna(row["seeds"]) else f"{row['seeds']:.0f}"
        cells = (Text(where), Text(effect(row)), row["needs"], seeds, _word(row["verdict"]), Text(row["why"]))
        table.add_row(*cells)
    return table


def _word(verdict: str) -> Text:
    return Text(verdict, style=VERDICTS[verdict][1])
