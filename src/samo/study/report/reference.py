"""The reference run: the profile `study` as it is shipped with the project, in data/reference/study.

Its numbers are in one file, run.jsonl: a JSON record per line, each with the `table` that it belongs to. A record of
the table `conditions` is a condition's metrics.json, with its trials as `search`; the others are rows of tidy tables,
`TABLES`. All that is said about the run is made from them by the same functions as for a run at hand.
"""

import json
import platform
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from samo.claims import table as claims_table
from samo.claims.evidence import COLUMNS
from samo.results import tables
from samo.results.tables import Run
from samo.study import store
from samo.study.config import Params, conditions
from samo.study.report import evidence, provenance
from samo.study.report import tables as made_tables
from samo.study.report.sources import frame
from samo.study.report.table import markdown
from samo.study.runs import results
from samo.study.runs.formats import csv_text

FOLDER = Path("data/reference/study")
SECOND = Path("data/reference/ladder")  # of the second run, a ladder of budgets
FILE = "run.jsonl"
BUDGETS = "budgets.csv"  # every training with its budget, compute and gain, in either folder
AGREEMENT = "agreement.csv"  # how the two task gradients of plain methods relate, in the second run's folder
REMEDY = f"`git checkout {FOLDER}` brings it back as it was"
CONDITIONS = "conditions"
TABLES = {name: COLUMNS[name] for name in ("history", "layers", "toys", *evidence.ANALYSES)}
"""Table -> the columns it must have; rows are as in `samo.claims.evidence.Evidence`."""
PACKAGES = (*provenance.PACKAGES, "scipy", "torch-geometric", "rdkit")


class Reference(evidence.Study):
    """The shipped run, in its folder."""

    @cached_property
    def regimes(self) -> dict[str, str]:
        """The same; a ConfigError without its settings."""
        return evidence.regimes(self.params)

    @cached_property
    def about(self) -> dict[str, Any]:
        """The commit, the versions and the machine of the run."""
        return dict(store.read_json(self.folder / "about.json"))


def load(root: Path) -> Reference | None:
    """The reference run of the project in `root`, None if none is shipped; a ValueError if it is broken."""
    return read(root / FOLDER) if (root / FOLDER).is_dir() else None


def needed(root: Path) -> Reference:
    """The same as `load`; a FileNotFoundError where none is shipped."""
    if (run := load(root)) is None:
        raise FileNotFoundError(f"{FOLDER} is not there: {REMEDY}")
    return run


def read(folder: Path) -> Reference:
    """The reference run that lies in a folder; see `load`."""
    if not (folder / FILE).exists():
        raise ValueError(f"{folder / FILE} is missing: {REMEDY}")
    return parse((folder / FILE).read_text(encoding="utf-8"), folder)


def parse(text: str, folder: Path = FOLDER) -> Reference:
    """The reference run from the text of its file; see `load`."""
    runs: dict[tuple[str, str], Run] = {}
    variants: set[tuple[str, str]] = set()
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            record: dict[str, Any] = json.loads(line)
            table = record.pop("table")
            if table == CONDITIONS:
                pair = record["dataset"], record["method"]
                if record.pop("variant"):
                    variants.add(pair)
                results.check(record["search"], results.SEARCH)
                runs[pair] = results.check(record, results.METRICS)
                for n in record["updates"]:
                    results.view(record, record["search"], int(n))  # refuses one whose search it lacks
            else:
                rows[table].append({name: record[name] for name in TABLES[table]} | record)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            reason = f"no {error}" if isinstance(error, LookupError) else str(error)
            raise ValueError(f"{folder / FILE}, line {number}: {reason}: {REMEDY}") from None
    if not runs:
        raise ValueError(f"{folder / FILE}: no condition in it: {REMEDY}")
    frames = {name: pd.DataFrame(found, columns=None if found else TABLES[name]) for name, found in rows.items()}
    return Reference(folder, list(dict.fromkeys(dataset for dataset, _ in runs)), runs, variants, frames)


def judged(root: Path, folder: Path = FOLDER) -> pd.DataFrame:
    """A reference run's claims as they are shipped; without rows if no run is."""
    return frame(root / folder / "claims.csv", "dataset", "verdict", counts=("number",), remedy=REMEDY)


def verdicts(claims: pd.DataFrame) -> dict[int, str]:
    """Claim -> its verdict as a whole."""
    whole = claims[claims["dataset"] == claims_table.ALL]
    return dict(zip(whole["number"], whole["verdict"], strict=True))


def write(root: Path, params: Params) -> list[str]:
    """Write data/reference/study whole; returns the conditions that have not run; raises ValueError if none has.

    Cosines by layer are kept only for methods without sharpness, which are all that a claim looks at.
    """
    main, variants = conditions.main(params), conditions.variants(params)
    run = evidence.read(root, main, params.analyses, variants)
    ran = {pair: run.conditions[pair] for pair in (*main, *variants) if pair in run.conditions}
    if not ran:
        raise ValueError("no condition of the profile has run: `samo repro` runs them")
    missing = [f"{dataset}/{method}" for dataset, method in (*main, *variants) if (dataset, method) not in ran]
    plain = run.evidence.runs.query("sharpness == 'none' and networks == 'shared'")[["dataset", "method"]]
    layers = run.frames["layers"].merge(plain.drop_duplicates(), on=["dataset", "method"])
    frames = {name: run.frames[name] for name in TABLES} | {"layers": layers}
    with store.whole_folder(root / FOLDER) as out:
        store.write_text(out / FILE, "".join(lines(ran, variants, frames)))
        store.write_text(out / "params.yaml", (root / "params.yaml").read_text())
        store.write_json(out / "about.json", _about(root, params) | {"missing": missing})
        write_tables(read(out))
    return missing


def lines(
    runs: Mapping[tuple[str, str], Run], variants: Collection[tuple[str, str]], frames: Mapping[str, pd.DataFrame]
) -> Iterator[str]:
    """The records of a run, as lines of JSON; a gap is null."""
    rows: list[dict[Any, Any]] = [{"table": CONDITIONS, "variant": pair in variants, **runs[pair]} for pair in runs]
    for name, found in frames.items():
        ordered = found[[*TABLES[name], *(column for column in found if column not in TABLES[name])]].astype(object)
        rows += [{"table": name, **row} for row in ordered.where(found.notna(), None).to_dict("records")]
    for row in rows:
        yield json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n"


def write_tables(run: Reference) -> None:
    """Rewrite the tables that follow from the records, for readers of the folder: main tables and verdicts."""
    for dataset in run.runs:
        shown = made_tables.main(dataset, run.main(dataset), tables.measures(run.runs[dataset]), {}, chosen=True)
        store.write_text(run.folder / f"table-{dataset}.md", markdown(shown))
    store.write_text(run.folder / BUDGETS, csv_text(run.budgets))
    store.write_text(run.folder / "claims.csv", csv_text(run.claims.assign(figure="")))
    store.write_text(run.folder / "claims.md", claims_table.markdown(run.claims))


def _about(root: Path, params: Params) -> dict[str, Any]:
    named = provenance.processors()
    return {
        **provenance.code(root),
        "conditions": len(conditions.conditions(params)),
        "threads_per_condition": params.train.threads,
        "python": platform.python_version(),
        "versions": provenance.versions(*PACKAGES),
        "processor": f"{named[0]}, {len(named)} cores" if named else platform.processor() or platform.machine(),
    }
