"""Published numbers beside ours, never without where they are from and what differs."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import pandas as pd

from samo.figures.palette import label
from samo.results.tables import text
from samo.study.report.page import cell, interval, paragraph, sortable
from samo.study.report.published_names import DELTA_M, METHODS, METRICS, Kind, Ours
from samo.study.report.tables import with_width

Row = Mapping[Any, Any]


class Shipped(NamedTuple):
    """The reference run of a dataset: its main table, and what differs from the papers' settings as in `beside`."""

    main: pd.DataFrame
    differs: Sequence[str] | None


def beside(
    dataset: str,
    main: pd.DataFrame,
    printed: pd.DataFrame,
    differs: Sequence[str] | None,
    reference: Shipped | None = None,
) -> str:
    """A dataset's published numbers, each beside those of the reference run and ours for the same method and metric.

    Args:
        dataset: our key.
        main: its main table.
        printed: the frame of samo.study.report.published.load.
        differs: the settings that differ from the papers', as words; None where that is not known.
        reference: the reference run, where it has the dataset.

    Returns:
        A table of the methods that the profile or the reference run has, and, folded away, one of the others.
    """
    columns = {DELTA_M: Ours("delta_m"), **METRICS.get(dataset, {})}
    rows = printed[(printed["dataset"] == dataset) & printed["metric"].isin(columns)]
    if rows.empty:
        return paragraph(f"{label(dataset)}: no paper prints numbers on it that could stand beside ours.", "gap")
    columns = {theirs: ours for theirs, ours in columns.items() if theirs in set(rows["metric"])}
    runs = [*([reference.main] if reference else []), main]
    ours: list[str] = []
    others: list[str] = []
    for (paper, table, method), part in rows.groupby(["paper", "table", "method"], sort=False):
        known = [find(run, METHODS.get(str(method))) for run in runs]
        values = {row["metric"]: row for row in part.to_dict("records")}
        notes = dict.fromkeys(note.strip() for text_ in part["note"] for note in text_.split(";") if note.strip())
        head = _head(str(method), next(filter(None, reversed(known)), None)) + _source(str(paper), str(table), [*notes])
        cells = "".join(
            _printed(values.get(theirs), column) + "".join(_ours(row, column) for row in known)
            for theirs, column in columns.items()
        )
        (ours if any(known) else others).append(f"<tr>{head}{cells}</tr>")
    heads = ["method", "published in"]
    for column in columns.values():
        name = "Δm, %" if column.column == "delta_m" else column.column
        heads += [f"{name}: published", *(["reference run"] if reference else []), "this run"]
    title = f"{label(dataset)}: published{', the reference run,' if reference else ','} and ours with 95 % intervals"
    note = _note(differs, reference)
    out = sortable(f"{dataset}-published", title, heads, ours, "published ", note) if ours else ""
    if others:
        title = f"{label(dataset)}: published for methods that this profile does not run"
        folded = sortable(f"{dataset}-published-others", title, heads, others, "published ", note)
        out += f"<details><summary>{escape(title)} ({len(others)})</summary>{folded}</details>"
    return out


def find(main: pd.DataFrame, kind: Kind | None) -> Row | None:
    """The row of a main table that is this kind of method; None where it has not run."""
    if kind is None or "aggregator" not in main:
        return None
    networks = main["networks"] == ("separate" if kind.separate else "shared")
    found = main[networks & (main["aggregator"] == kind.aggregator) & (main["sharpness"] == kind.sharpness)]
    return found.to_dict("records")[0] if len(found) else None


def _note(differs: Sequence[str] | None, reference: Shipped | None) -> str:
    always = "Each Δm is against its own study's single-task training."
    if reference and reference.differs != differs:
        return f"This run: {_said(differs)} The reference run: {_said(reference.differs)} {always}"
    return f"{_said(differs)} {always}"


def _said(differs: Sequence[str] | None) -> str:
    if differs is None:
        return "What differs is not known: the papers' settings are not in the profile paper."
    if not differs:
        return "Settings are those of the profile paper; how they were chosen, and the machine, differ."
    return f"Not the same experiment. What differs: {'; '.join(differs)}."


def _head(printed: str, known: Row | None) -> str:
    name = f"<code>{escape(str(known['method']))}</code>" if known else escape(printed)
    said = f"<small>{escape(printed)}</small>" if known else ""
    return f'<th scope="row" data-sort="{escape(str(known["method"]) if known else printed)}">{name}{said}</th>'


def _source(paper: str, table: str, notes: Sequence[str]) -> str:
    further = f"<small>{escape('; '.join(notes))}</small>" if notes else ""
    return f'<td class="source" data-sort="{escape(paper)}">{escape(paper)}, {escape(table)}{further}</td>'


def _printed(printed: Row | None, column: Ours) -> str:
    if printed is None:
        return cell("—")
    # A fraction in per cent has two places less.
    digits = max(0, int(printed["decimals"]) - (2 if column.times == 100 else 0))
    value = printed["value"] * column.times
    spread = printed["plus_minus"]
    shown = text(value, digits) + (
        "" if pd.isna(spread) else f" <small>± {text(spread * column.times)} as printed</small>"
    )
    return cell(shown, value, raw=True)


def _ours(known: Row | None, column: Ours) -> str:
    if known is None:
        return cell("—")
    if column.column == "delta_m":
        return interval(known, "delta_m")
    return with_width(known, column.column) if column.column in known else cell("—")
