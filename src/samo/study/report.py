"""The report: what notebooks/report.ipynb shows, and the executed notebook turned into one HTML file."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape, unescape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from nbconvert import HTMLExporter

from samo import verdict
from samo.analysis.toys.losses import TOYS
from samo.figures.palette import label
from samo.study import page, page_claims, store
from samo.study.tables_stage import Pairs, by_dataset

PACKAGES = ("torch", "torchjd", "numpy", "pandas", "matplotlib", "nbconvert")


@dataclass(frozen=True, repr=False)
class Piece:
    """HTML that a notebook shows as such."""

    html: str

    def __repr__(self) -> str:
        """Short, since a notebook stores it beside the HTML."""
        return "a piece of the report"

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True)
class Report:
    """One page over reports/tables, reports/figures and the datasheets; each method gives a piece of it.

    `settings` maps a dataset to what the profile says of it, `analyses` names those that were run on each.
    """

    root: Path
    cells: tuple[tuple[str, str], ...]
    settings: Mapping[str, Mapping[str, Any]]
    analyses: tuple[str, ...] = ()

    @property
    def datasets(self) -> list[str]:
        """The datasets of the cells, in their order."""
        return list(by_dataset(self.cells))

    def table(self, dataset: str) -> pd.DataFrame:
        """The main table as the stage before wrote it; rows of gaps if it is not there."""
        path = self.root / "reports/tables" / f"{dataset}.csv"
        if path.exists():
            return pd.read_csv(path)
        return pd.DataFrame([{"method": m, "n_seeds": 0} for m in by_dataset(self.cells)[dataset]])

    def trials(self, dataset: str) -> pd.DataFrame:
        """The dataset's search trials; empty if there are none."""
        path = self.root / "reports/tables/search.csv"
        frame = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["dataset", "method"])
        return frame[frame["dataset"] == dataset]

    def headline(self) -> Piece:
        """The answer in one sentence a dataset."""
        return self._each(lambda d: page.paragraph(verdict.headline(label(d), self.table(d)), "headline"))

    def claims(self) -> Piece:
        """What became of the papers' claims, and the comparisons behind the verdicts."""
        path = self.root / "reports/tables/claims.csv"
        if not path.exists():
            return Piece(page.paragraph("No claim has been judged yet.", "gap"))
        found = pd.read_csv(path)
        return Piece(page_claims.whole(found) + page_claims.comparisons(found))

    def best(self) -> Piece:
        """The best method in one sentence a dataset."""
        return self._each(lambda d: self._said(d, verdict.best(self.table(d))))

    def main_tables(self) -> Piece:
        """Every dataset's main table."""
        return self._each(lambda d: page.main_table(d, self.table(d)))

    def costs(self) -> Piece:
        """What a step of each method takes on each dataset."""
        return self._each(lambda d: page.cost_table(d, self._numbers(d, "cost")))

    def choices(self) -> Piece:
        """Every dataset's chosen learning rates and rhos."""
        return self._each(lambda d: page.choice_table(d, self.table(d)))

    def figures(self, kind: str, caption: str) -> Piece:
        """Every dataset's figure of this kind: forest, curves, conflict, layers, curvature, cost or search."""
        return self._each(lambda d: self._figure(d, kind, caption))

    def sensitivity(self, caption: str) -> Piece:
        """Of every dataset with variants, what they show in a sentence and a figure."""
        told = ""
        for dataset in self.datasets:
            path = self.root / "reports/tables" / f"{dataset}-sensitivity.csv"
            if path.exists():
                told += page.paragraph(verdict.settings(label(dataset), pd.read_csv(path)))
                told += self._figure(dataset, "sensitivity", caption)
        return Piece(told or page.paragraph("This profile varies no setting: params.yaml has none under sensitivity."))

    def toys(self, kind: str, caption: str) -> Piece:
        """A figure of the toys: line, paths or outcomes."""
        return Piece(self._figure("toys", kind, caption))

    def toy_steps(self) -> Piece:
        """Each toy with a slider over the steps of the walks."""
        found = [self.root / "reports/figures" / f"toys-{toy}.html" for toy in TOYS]
        return Piece("".join(page.themed(path.read_text(encoding="utf-8")) for path in found if path.exists()))

    def agreement(self) -> Piece:
        """Whether sharpness raises the cosine between task gradients, in one sentence a dataset."""
        return self._each(lambda d: self._said(d, verdict.agreement(self.table(d), self._numbers(d, "conflict"))))

    def flatness(self) -> Piece:
        """Whether the largest eigenvalues are smaller with sharpness than without, in one sentence a dataset."""
        return self._each(lambda d: self._said(d, verdict.flatness(self.table(d), self._numbers(d, "curvature"))))

    def caveats(self) -> Piece:
        """What limits the numbers, counted from the data."""
        lines = [
            f"{label(d)}: {line}" for d in self.datasets for line in verdict.caveats(self.table(d), self.trials(d))
        ]
        return Piece(page.bullets(lines))

    def data(self) -> Piece:
        """Every dataset's datasheet, as `prepare` wrote it, and its settings in the profile."""
        return self._each(lambda d: page.facts(label(d), self._sheet(d)))

    def notebooks(self) -> Piece:
        """Links to the executed notebooks: of every cell, and of what comes before and after them."""
        rows = [(f"train@{dataset}-{method}", f"train-{dataset}-{method}") for dataset, method in self.cells]
        for dataset in self.datasets:
            rows.append((f"prepare@{dataset}", f"prepare-{dataset}"))
            rows += [(f"analyse@{dataset}-{name}", f"{name}-{dataset}") for name in self.analyses]
        return Piece(page.notebooks_table([*rows, ("toys", "toys"), ("tables", "tables")]))

    def _each(self, piece: Callable[[str], str]) -> Piece:
        return Piece("".join(map(piece, self.datasets)))

    def _said(self, dataset: str, words: str) -> str:
        """A sentence, after the dataset that it is about."""
        return page.paragraph(f"{label(dataset)}. {words}")

    def _figure(self, dataset: str, kind: str, caption: str) -> str:
        name = f"{dataset}-{kind}"
        stem = self.root / "reports/figures" / name
        svg, words = stem.with_suffix(".svg"), stem.with_suffix(".txt")
        drawn = svg.exists() and words.exists()
        alt = words.read_text(encoding="utf-8").strip() if drawn else ""
        drawing = svg.read_text(encoding="utf-8") if drawn else None
        return page.figure(name, drawing, alt, f"{label(dataset)}. {caption}")

    def _numbers(self, dataset: str, kind: str) -> pd.DataFrame:
        path = self.root / "reports/figures" / f"{dataset}-{kind}.csv"
        return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["method", "epoch", "metric", "measure"])

    def _sheet(self, dataset: str) -> dict[str, Any]:
        path = self.root / "data/prepared" / dataset / "datasheet.json"
        sheet = dict(store.read_json(path)) if path.exists() else {}
        splits = sheet.pop("splits", {})
        lead = {key: sheet.pop(key) for key in ("what", "subset_of") if key in sheet}
        return (
            lead
            | sheet
            | {f"{name} split": facts for name, facts in splits.items()}
            | dict(self.settings.get(dataset, {}))
        )


def make(root: Path, pairs: Pairs, settings: Mapping[str, Mapping[str, Any]], analyses: Iterable[str] = ()) -> Report:
    """The report over these cells."""
    return Report(root, tuple(pairs), settings, tuple(analyses))


def render(executed: Path, root: Path) -> Path:
    """Turn the executed report notebook into reports/html/index.html, one file that needs no network.

    Uses reports/template. Raises FileNotFoundError when the notebook or the template is missing.
    """
    notebook: Any = nbformat.read(executed, as_version=4)
    if not (root / "reports" / "template" / "index.html.j2").exists():
        raise FileNotFoundError(f"{root / 'reports' / 'template' / 'index.html.j2'}: the report's template is missing")
    exporter = HTMLExporter(
        template_name="template",
        extra_template_basedirs=[str(root / "reports")],
        exclude_input=True,
        exclude_anchor_links=True,
    )
    body, _ = exporter.from_notebook_node(notebook, resources={"provenance": provenance(root)})
    target = root / "reports" / "html" / "index.html"
    store.write_text(target, contents(body))
    return target


def contents(body: str) -> str:
    """Give every second-level heading an id, and list them where the page has `<!-- contents -->`."""
    entries: list[str] = []

    def mark(match: re.Match[str]) -> str:
        words = unescape(re.sub(r"<[^>]+>", "", match[1])).strip()
        name = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
        entries.append(f'<li><a href="#{name}">{escape(words)}</a></li>')
        return f'<h2 id="{name}">{match[1]}</h2>'

    marked = re.sub(r"<h2(?! class)[^>]*>(.*?)</h2>", mark, body, flags=re.DOTALL)
    return marked.replace("<!-- contents -->", f"<ol>{''.join(entries)}</ol>")


def provenance(root: Path) -> dict[str, str]:
    """What ties the page to its inputs: hashes and versions only, the same wherever it is made.

    The hash of dvc.lock is not among them: the page is itself recorded there.
    """
    params, numbers = root / "params.yaml", root / "reports" / "tables" / "metrics.json"
    facts = {"params.yaml": _digest(params), "reports/tables/metrics.json": _digest(numbers)}
    code = sha256()
    for path in sorted((root / "src" / "samo").rglob("*.py")):
        code.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    facts["src/samo"] = code.hexdigest()[:12]
    # "2.13.0+cpu" is a build of 2.13.0: which one it is depends on the machine.
    return facts | {name: version(name).split("+")[0] for name in PACKAGES}


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:12] if path.exists() else "missing"
