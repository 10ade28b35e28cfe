"""How much a sharpness's settings matter: cells that differ from the default of their kind in one field.

A kind is a preset on an aggregator with certain options. Its default is the ordinary method of the main table; every
other cell of the kind is a variant, and a point on the line of the one field that it changes. The learning rate, and
rho where it is not the field itself, were searched anew for every variant.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeGuard

import pandas as pd

from samo.optim.sharpness import Sharpness, preset
from samo.results import tables
from samo.results.stats import paired_interval
from samo.results.tables import Run, Runs, aggregator_with_options, delta_by_seed, limits, text

RATED = ("n_seeds", "delta_m", "delta_m_low", "delta_m_high", "lr", "rho")
COLUMNS = [
    *("aggregator", "sharpness", "field", "value", "role", "method", "n_seeds"),
    *("delta_m", "delta_m_low", "delta_m_high", "shift", "shift_low", "shift_high", "lr", "rho"),
]
SETTINGS = [field.name for field in fields(Sharpness)]
"""The fields that can be varied, in their own order."""

Kind = tuple[str, str, str]
"""Networks, aggregator with its options, preset."""


def table(main: Runs, variants: Runs) -> pd.DataFrame:
    """Every variant of one dataset beside its default; no rows where there is none.

    Args:
        main: the runs of the main table. The defaults are among them, and there may be variants.
        variants: the other runs.

    Returns:
        aggregator (with its options) and sharpness: the kind. field, value: what the variant changes; several names are
        a point on no line, and none is a cell that has not run or has no default. role: "variant", "default" (once a
        field) or "base" (the same aggregator without sharpness, once a kind, with an empty field). method, n_seeds;
        delta_m with _low and _high as in the main table; shift with _low and _high: Delta-m minus that of the default,
        paired by seed, in points; lr and rho as chosen.
    """
    ran = {name: run for name, run in {**main, **variants}.items() if run}
    rows = [row for kind, default in defaults(main).items() for row in _lines(ran, kind, default)]
    placed = {row["method"] for row in rows}
    rows += [_alone(name, run) for name, run in variants.items() if name not in placed]
    rated = tables.main({**main, **variants})
    single = ran.get(tables.reference(main) or "")
    return pd.DataFrame([_rated(row, rated, ran, single) for row in rows]).reindex(columns=COLUMNS)


def settings(run: Run) -> dict[str, Any]:
    """Every field of a run's sharpness, from its block or its preset; None where it was searched."""
    given = run.get("fields", {})
    return asdict(preset(run["sharpness"], **given)) | {name: given.get(name) for name in _searched(run)}


def changed(run: Run, default: Run) -> dict[str, Any]:
    """The fields in which a run differs from the default of its kind, with its own values; rho as it was used."""
    ours, theirs, used = settings(run), settings(default), _used(run)
    return {name: used[name] for name in SETTINGS if ours[name] != theirs[name]}


def defaults(main: Runs) -> dict[Kind, str]:
    """The default of each kind with a sharpness: of its methods that with the fewest changes to the preset.

    A rho that its block gives counts as a change; of equals, the first.
    """
    found: dict[Kind, str] = {}
    fewest: dict[Kind, int] = {}
    for name, run in main.items():
        if run is None or run["sharpness"] == "none":
            continue
        kind, changes = kind_of(run), len(changed(run, {**run, "fields": {}}))
        if changes < fewest.get(kind, len(SETTINGS) + 1):
            found[kind], fewest[kind] = name, changes
    return found


def kind_of(run: Run) -> Kind:
    """What a run is, but for the values of its settings."""
    return run["networks"], aggregator_with_options(run), run["sharpness"]


def points(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `table` that lie on a line, with a known shift: variants by one field, and their defaults."""
    return table[table["field"].isin(SETTINGS) & table["shift"].notna()]


def markdown(table: pd.DataFrame) -> str:
    """The table for people, as GitHub's Markdown; an em dash is a gap."""
    head = ["aggregator", "sharpness", "setting", "method", "Δm %", "95 % interval", "Δm − default", "95 % interval"]
    lines = ["| " + " | ".join([*head, "lr", "rho"]) + " |", "|:--|:--|:--|:--|" + "--:|" * 6]
    for row in table.fillna({"field": "", "value": ""}).to_dict("records"):
        setting = f"{row['field']} = {row['value']}" if row["field"] else "without sharpness" * (row["role"] == "base")
        cells = [_gap(row["aggregator"]), _gap(row["sharpness"]), setting + " (default)" * (row["role"] == "default")]
        cells += [row["method"], text(row["delta_m"], 2), limits(row, "delta_m")]
        against = "—" if row["role"] == "default" else limits(row, "shift")
        cells += [text(row["shift"], 2), against, text(row["lr"]), text(row["rho"])]
        lines.append("| " + " | ".join(cell or "—" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _lines(ran: Mapping[str, Run], kind: Kind, default: str) -> list[dict[str, Any]]:
    """The rows of one kind: field after field, each with the default in its place among the values."""
    same = [name for name, run in ran.items() if kind_of(run) == kind]
    changes = {name: found for name in same if (found := changed(ran[name], ran[default]))}
    if not changes:
        return []
    head = {"aggregator": kind[1], "sharpness": kind[2], "default": default}
    rows = []
    for names in sorted({tuple(found) for found in changes.values()}, key=_order):
        values = {name: found for name, found in changes.items() if tuple(found) == names}
        if len(names) == 1:
            values = {default: {names[0]: _used(ran[default])[names[0]]}} | values
        for name, found in sorted(values.items(), key=lambda item: _place(item[1][names[0]])):
            said = {"field": ", ".join(names), "value": ", ".join(map(_words, found.values()))}
            rows.append(head | said | {"role": "default" if name == default else "variant", "method": name})
    plain = (kind[0], kind[1], "none")
    base = next((name for name, run in ran.items() if kind_of(run) == plain), None)
    if base:
        rows.append(head | {"field": "", "value": "", "role": "base", "method": base})
    return rows


def _alone(name: str, run: Run | None) -> dict[str, Any]:
    kind = {"aggregator": aggregator_with_options(run), "sharpness": run["sharpness"]} if run else {}
    return {**kind, "field": "", "value": "", "role": "variant", "method": name}


def _rated(row: dict[str, Any], rated: pd.DataFrame, ran: Mapping[str, Run], single: Run | None) -> dict[str, Any]:
    [known] = rated[rated["method"] == row["method"]].to_dict("records")
    row = row | {str(name): known[name] for name in RATED if name in known}
    ours, default = ran.get(row["method"]), ran.get(row.get("default", ""))
    if ours and default and single:
        pair = paired_interval(delta_by_seed(ours, single), delta_by_seed(default, single))
        row |= {"shift": pair.mean, "shift_low": pair.low, "shift_high": pair.high}
    return row


def _used(run: Run) -> dict[str, Any]:
    return settings(run) | _searched(run)


def _searched(run: Run) -> dict[str, Any]:
    """The fields that a search may choose, as chosen."""
    return {"rho": None} | {name: value for name, value in run["search"]["chosen"].items() if name != "lr"}


def _order(names: tuple[str, ...]) -> tuple[int, list[int]]:
    return len(names), [SETTINGS.index(name) for name in names]


def _place(value: object) -> float:
    """Numbers ascend; what is none stays as it stands in params.yaml, the default before all."""
    return float(value) if _is_number(value) else float("-inf")


def _words(value: object) -> str:
    if value is None:
        return "as rho"  # of a head's radius, the one field that may be unset
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if _is_number(value) else str(value)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _gap(value: object) -> str:
    return value if isinstance(value, str) else "—"
