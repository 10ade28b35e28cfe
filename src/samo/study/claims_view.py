"""What `samo claims` prints."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from samo.claims import numbers
from samo.claims.table import ALL, effect, reading
from samo.study import results, store

TEXTS = ("claim", "source", "dataset", "base", "case", "needs", "verdict", "why")
TABLE = results.Columns(*TEXTS, counts=("number",), numbers=("effect", "low", "high", "seeds"), infinite=True)
STYLES = {"supported": "bold green", "contradicted": "bold red", "undecided": "yellow", "not run": "dim"}


def show(root: Path, number: int | None = None, console: Console | None = None) -> None:
    """Print reports/tables/claims.csv: a line a claim, or all comparisons of one.

    Raises:
        ValueError: there is no claim of that number.
        FileNotFoundError: nothing was judged yet.
    """
    if number is not None and number not in numbers():
        raise ValueError(f"claim {number}: there are {min(numbers())} to {max(numbers())}")
    path = store.needed(root, Path("reports/tables/claims.csv"))
    results.read_rows(path, TABLE)  # refuses what is none
    claims = pd.read_csv(path, keep_default_na=False, na_values={"effect": "", "low": "", "high": "", "seeds": ""})
    out = console or Console()
    out.print(_claims(claims) if number is None else _comparisons(claims[claims["number"] == number]))
    if number is None:
        out.print(reading(claims), style="dim")
        out.print("samo claims NUMBER shows a claim's comparisons.", style="dim")


def _claims(claims: pd.DataFrame) -> Table:
    table = Table("", "claim", "verdict", "weakest effect, 95 %", "why", box=None, pad_edge=False)
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    for column, ratio in ((1, 5), (3, 4), (4, 4)):
        table.columns[column].ratio = ratio
    for row in claims[claims["dataset"] == ALL].to_dict("records"):
        table.add_row(
            str(row["number"]), Text(row["claim"]), _word(row["verdict"]), Text(effect(row)), Text(row["why"])
        )
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
    return Text(verdict, style=STYLES[verdict])
