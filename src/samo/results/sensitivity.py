"""How much a sharpness's settings matter: conditions that differ from the default of their family in one field.

A family is a preset on an aggregator with certain options. Its default is the ordinary method of the main table; every
other method of the family is a variant, and a point on the line of the one field that it changes. The learning rate,
and rho where it is not the field itself, were searched anew for every variant.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any, TypeGuard

import pandas as pd

from samo.optim.sharpness import Sharpness, preset
from samo.results import tables
from samo.results.method import MethodSpec, specs, standing_for
from samo.results.stats import paired_interval
from samo.results.tables import Run, Runs, delta_by_seed

HEAD = ["aggregator", "sharpness", "field", "value", "role", "method"]
RATED = ["method", "n_seeds", "delta_m", "delta_m_low", "delta_m_high", "lr", "rho"]
COLUMNS = [*HEAD, *RATED[1:5], "shift", "shift_low", "shift_high", "lr", "rho"]
SETTINGS = [field.name for field in fields(Sharpness)]
"""The fields that can be varied, in their own order."""

Family = tuple[str, str, str, str]
"""See `samo.results.method.MethodSpec.family`."""


def table(main: Runs, variants: Runs) -> pd.DataFrame:
    """Every variant of one dataset beside its default; no rows where there is none.

    Args:
        main: the runs of the main table. The defaults are among them, and there may be variants.
        variants: the other runs.

    Returns:
        aggregator (with its options) and sharpness: the family. field, value: what the variant changes; several names
        mean a point on no line, and none a variant that has not run or has no default. role: "variant", "default" (once
        per field) or "base" (the same aggregator without sharpness, once per family, with an empty field). method,
        n_seeds; delta_m with _low and _high as in the main table; shift with _low and _high: Delta-m minus that of the
        default, paired by seed, in points; lr and rho as chosen.
    """
    ran = {name: run for name, run in {**main, **variants}.items() if run}
    known, stand = specs(ran), defaults(main)
    stand = _doses([known[name] for name in variants if name in known], stand) | stand
    rows = [row for family, default in stand.items() for row in _lines(ran, known, family, default)]
    single = ran.get(tables.reference(main) or "")
    deltas = {name: delta_by_seed(run, single) for name, run in ran.items()} if single else {}
    for row in rows if deltas else ():
        pair = paired_interval(deltas[row["method"]], deltas[row["default"]])
        row |= {"shift": pair.mean, "shift_low": pair.low, "shift_high": pair.high}
    placed = {row["method"] for row in rows}
    for name in (name for name in variants if name not in placed):
        _, aggregator, sharpness, rate = known[name].family if name in known else ("", None, None, "")
        # A learning rate of its own is no field of the sharpness, and has no default to be compared with.
        row = {"aggregator": aggregator, "sharpness": sharpness, "field": "optimizer" if rate else "", "value": rate}
        rows.append(row | {"role": "variant", "method": name})
    found = pd.DataFrame(rows, columns=[*HEAD, "shift", "shift_low", "shift_high"])
    rated = tables.main({**main, **variants}).reindex(columns=RATED)
    return found.merge(rated, on="method", how="left")[COLUMNS]


def settings(run: Run) -> dict[str, Any]:
    """Every field of a run's sharpness, from its block or its preset; None where it was searched."""
    given = run.get("fields", {})
    return asdict(preset(run["sharpness"], **given)) | {name: given.get(name) for name in _searched(run)}


def changed(run: Run, default: Run) -> dict[str, Any]:
    """The fields in which a run differs from the default of its family, with its own values; rho as it was used."""
    ours, theirs, used = settings(run), settings(default), _used(run)
    return {name: used[name] for name in SETTINGS if ours[name] != theirs[name]}


def defaults(main: Runs) -> dict[Family, str]:
    """The default of each family with a sharpness: of its methods, the one with the fewest changes to the preset.

    A rho that its block gives counts as a change; of equals, the first.
    """
    changes = {name: len(changed(run, {**run, "fields": {}})) for name, run in main.items() if run}
    names: dict[Family, list[str]] = defaultdict(list)
    for name, spec in specs(main).items():
        if not spec.plain:
            names[spec.family].append(name)
    return {family: min(own, key=changes.__getitem__) for family, own in names.items()}


def _doses(variants: Iterable[MethodSpec], main: Collection[Family]) -> dict[Family, str]:
    """The default of each family that has variants alone: that at the preset's own radius."""
    families: dict[Family, list[MethodSpec]] = defaultdict(list)
    for spec in variants:
        if not spec.plain and spec.family not in main and not spec.changed:
            families[spec.family].append(spec)
    found = {family: standing_for(own) for family, own in families.items()}
    return {family: spec.name for family, spec in found.items() if spec}


def points(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `table` that lie on a line, with a known shift: variants by one field, and their defaults."""
    return table[table["field"].isin(SETTINGS) & table["shift"].notna()]


def _lines(
    ran: Mapping[str, Run], known: Mapping[str, MethodSpec], family: Family, default: str
) -> list[dict[str, Any]]:
    """The rows of one family: field after field, each with the default in its place among the values."""
    same = [name for name, spec in known.items() if spec.family == family]
    lines = [("variant", name, found) for name in same if (found := changed(ran[name], ran[default]))]
    if not lines:
        return []
    for field in dict.fromkeys(next(iter(found)) for _, _, found in lines if len(found) == 1):
        lines.append(("default", default, {field: _used(ran[default])[field]}))
    # Lines of one field first, in the order of fields; in a line numbers ascend, and words stay as in params.yaml.
    lines.sort(key=lambda line: (len(line[2]), [*map(SETTINGS.index, line[2])], _place(line[2]), line[0]))
    cells = [(", ".join(found), ", ".join(map(_words, found.values())), role, name) for role, name, found in lines]
    if base := known[default].base(known.values()):
        cells.append(("", "", "base", base.name))
    return [dict(zip(HEAD, (*family[1:3], *own), strict=True)) | {"default": default} for own in cells]


def _used(run: Run) -> dict[str, Any]:
    return settings(run) | _searched(run)


def _searched(run: Run) -> dict[str, Any]:
    """The fields that a search may choose, as chosen."""
    return {"rho": None} | {name: value for name, value in run["search"]["chosen"].items() if name != "lr"}


def _place(found: Mapping[str, Any]) -> float:
    value = next(iter(found.values()))
    return float(value) if _is_number(value) else float("-inf")


def _words(value: object) -> str:
    if value is None:
        return "as rho"  # of a head's radius, the one field that may be unset
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if _is_number(value) else str(value)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
