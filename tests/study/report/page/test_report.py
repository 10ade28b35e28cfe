"""From made runs to the page: tables, figures, the notebook's cells, and the HTML that a reader opens."""

import base64
import io
import re
import shutil
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml

from samo.study import config
from samo.study.config import Params
from samo.study.report import reference, tables
from samo.study.report.outputs import write_figure
from samo.study.report.page import index
from samo.study.report.page.render import render
from samo.study.report.page.report import Report
from tests.study.made_study import ROOT
from tests.study.report import made_report


def params(**changes: object) -> Params:
    """The made profile with some of its blocks replaced."""
    return config.parse(yaml.safe_dump(yaml.safe_load(made_report.PARAMS) | changes))


@pytest.fixture(scope="module")
def page(made_page: tuple[Report, Path]) -> Report:
    return made_page[0]


@pytest.fixture(scope="module")
def html(made_page: tuple[Report, Path]) -> str:
    return made_page[1].read_text(encoding="utf-8")


class Page(HTMLParser):
    """Collects what the tests ask about, and that every element is closed."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input", "path", "use"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]
        self.words += [found["aria-label"] or ""] if found.get("role") == "img" else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_needs_no_network_and_links_every_executed_notebook(html):
    found = Page(html)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert not [link for link in found.links if re.match(r"(https?:)?//", link)]
    assert not [words for words in ("MathJax", "require.js", "config.load", "a piece of the report") if words in html]
    assert len(html) < 4_000_000
    for name in made_report.executed(params()):
        assert {f"../executed/{name}.html", f"../executed/{name}.ipynb"} <= set(found.links)
    for stage in ("train@multimnist-ls", "train-more@multimnist-mgda", "train-sensitivity@multimnist-bare"):
        assert f"<code>{stage}</code>" in html


def test_every_figure_has_a_title_words_numbers_and_a_source(html, page):
    drawn = re.findall(r'<figure id="([a-z-]+)"><h3>([^<]+)</h3>', html)
    words = Page(html).words
    assert len(words) == len(drawn)
    assert len(drawn) == 14 + 1 + 4 + 1 + 4 + 1  # of the dataset, variants, toys, reference run, budgets, estimates
    assert all(len(words) > 40 for words in words)
    assert all(len(title) > 20 for _, title in drawn)
    for name, _ in drawn:
        assert f'download="{name}.csv"' in html
        assert f"Just this one: <code>samo figure {name}</code>" in html
    source = html[html.index('<figure id="multimnist-curvature"') :].split('class="from">')[1].split("</span>")[0]
    assert '<a href="../executed/curvature-multimnist.html">' in source
    assert "5 conditions multimnist × (ls, gsam-ls, samo-ls, mgda …), seeds 0, 1, 2" in source
    gaps = re.findall("No figure <code>([^<]+)</code>", html)
    # No second run is here, and one dataset has no other beside it.
    assert gaps == ["second-pair", "all-tasks", "second-variants"]
    files = [page.root / f"reports/figures/multimnist-forest.{ending}" for ending in ("svg", "csv", "txt")]
    before = [file.read_bytes() for file in files]
    files[0].unlink()
    assert write_figure(page.root, page.datasets, "multimnist-forest") == files[0]
    assert before == [file.read_bytes() for file in files]
    with pytest.raises(ValueError, match=r"no figure 'multimnist-forrest': there are multimnist-forest, "):
        write_figure(page.root, page.datasets, "multimnist-forrest")


def test_it_opens_with_the_answer_one_picture_and_the_claims_at_a_glance(html):
    order = ("<h1", 'class="headline"', 'id="reference-compute"', '<table class="strip"', "<h2 id=")
    places = [html.index(words) for words in order]
    assert places == sorted(places)
    assert re.search(r"It gains \d\.\d\d points of Δm \(90 % interval [^)]+; (\d conditions, )?3 seeds\)", html)
    strip = html[places[3] :].split("</table>")[0]
    ids = set(Page(html).ids)
    leads = re.findall(r'<td class="verdict ([a-z-]+)"><a href="#([^"]+)"', strip)
    assert len(leads) == strip.count("<td") > 20
    assert {target for _, target in leads} <= ids
    assert {"supported", "not-run"} <= {word for word, _ in leads}
    assert all(target.startswith("claim-") == (word in ("not-run", "not-testable")) for word, target in leads)


def test_a_second_reference_run_takes_the_first_screen(page, tmp_path):
    root = tmp_path / "project"
    for part in ("data/reference", "reports/template", "reports/tables"):
        shutil.copytree(page.root / part, root / part)
    second = root / reference.SECOND
    second.mkdir()
    budgets = pd.read_csv(root / reference.FOLDER / reference.BUDGETS)
    longer = budgets.assign(updates=10 * budgets["updates"], cost=10 * budgets["cost"])
    pd.concat([budgets, longer]).to_csv(second / reference.BUDGETS, index=False)
    shutil.copy(root / reference.FOLDER / "claims.csv", second)
    for kind in ("compute", "persistence"):
        write_figure(root, page.datasets, f"second-{kind}")
    found = Report(root, page.params)
    first = found.first()
    assert re.findall(r'<figure id="([a-z-]+)">', first) == ["second-compute"]
    assert re.findall(r'<th scope="row">([^<]+)', first) == ["Multi-MNIST, second run", "Multi-MNIST"]
    assert "the second reference run, data/reference/ladder" in first
    leads = set(re.findall(r'href="#(comparisons-[^"]+)"', first))
    assert {lead.rsplit("-", 2)[0] for lead in leads} == {"comparisons-second", "comparisons"}
    assert leads <= set(Page(found.claims()).ids)
    assert "no full comparison yet" in found.second()
    (second / "summary-multimnist.csv").write_text('method,compute\n"LS + SAMO, rho 0.05",4.3\n')
    assert "LS + SAMO, rho 0.05" in found.second()
    persists = found.budget_figures(("persistence", "does a gain persist?", ""))
    assert "The second reference run: does a gain persist?" in persists


def test_an_index_page_lists_every_executed_notebook_with_what_it_came_to(page, html):
    assert "../executed/index.html" in Page(html).links
    found = Page(text := (page.root / index.PATH).read_text())
    names = {*made_report.executed(page.params), "toys", "tables"}
    assert {f"{name}.html" for name in names} <= set(found.links)
    assert {f"{name}.ipynb" for name in names - {"toys", "tables"}} <= set(found.links)
    assert found.open == []
    main = page.sources.table("multimnist").set_index("method")
    row = text[text.index(">samo-ls</td>") :].split("</tr>")[0].replace("\N{MINUS SIGN}", "-")
    assert f"{main.loc['samo-ls', 'delta_m']:.2f} (" in row
    assert f"{main.loc['samo-ls', 'gain']:.2f} (" in row


def test_all_tables_are_one_file(html, page):
    data = re.search(r'href="data:application/zip;base64,([^"]+)"', html)
    assert data
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(data[1]))) as packed:
        tables = {path.name: path.read_bytes() for path in (page.root / "reports/tables").glob("*.csv")}
        assert {name: packed.read(name) for name in packed.namelist()} == tables


def test_published_and_reference_numbers_stand_beside_ours_with_what_differs(html, page, tmp_path):
    section = html[html.index('<figure id="reference-gains"') :]
    assert "conditions of the shipped reference run, data/reference/study/run.jsonl" in section
    assert 'id="multimnist-reference"' in section
    assert "How it was made" in section
    table = html[html.index('id="multimnist-published"') :].split("</table>")[0]
    head, body = table.split("</thead>")
    assert head.count(">reference run<") == head.count(">this run<") == head.count(": published<") > 0
    assert "Not the same experiment. What differs: data.train is 320, the papers' 120,000" in head
    # F-MTL's Table 1, MGDA: printed beside what the made run has.
    row = next(row for row in body.split("<tr>") if "<code>mgda</code>" in row)
    assert "F-MTL (ICCV 2025, arXiv 2211.13723), Table 1" in row
    assert len(re.findall("<td", row)) == 1 + 2 * 3  # the source; published, reference, ours of two metrics
    shutil.copytree(page.root, tmp_path / "project", ignore=shutil.ignore_patterns("study", "figures"))
    report = Report(tmp_path / "project", page.params)
    assert "No reference run is shipped" in report.reference()
    assert ">reference run<" not in report.published() + report.claims()


def test_what_the_profile_does_not_hold_is_one_line_each(html, page):
    lines = re.findall(r'(?:<p class="gap">|<li>)Not in this profile: ([^.]+)\.', html)
    missing = {"CelebA", "Office-Home", "NYUv2", "G-SAM, L-SAM and SAMO on one aggregator", "SAMO beside the placebo"}
    assert missing <= set(lines)
    assert "Multi-MNIST" not in lines
    without = Report(page.root, params(analyses={})).figures("curvature", "", "")
    assert "Not in this profile: the analysis curvature." in without


def test_the_same_inputs_give_the_same_bytes_and_a_large_page_leaves_the_numbers_beside_it(html, page, monkeypatch):
    executed = page.root / "reports/executed/report.ipynb"
    assert render(executed, page.root, "cpu").read_text(encoding="utf-8") == html
    monkeypatch.setattr("samo.study.report.page.render.LIMIT", 1000)
    with pytest.warns(UserWarning, match="bytes, a telephone"):
        smaller = render(executed, page.root, "cpu").read_text(encoding="utf-8")
    assert "data:text/csv" not in smaller
    beside = set(re.findall(r'href="\.\./figures/([^"]+\.csv)"', smaller))
    assert len(beside) == html.count("data:text/csv") > 15
    assert all((page.root / "reports/figures" / name).is_file() for name in beside)
    monkeypatch.undo()
    render(executed, page.root, "cpu")


def test_names_and_datasheets_are_escaped_and_bold_is_told_by_the_rule_alone(page):
    assert "two digits &amp; &lt;more&gt;" in page.data()
    table, measures = page.sources.table("multimnist"), page.sources.measures("multimnist")
    nasty = table.assign(method="<script>alert(1)</script>", aggregator="<b>")
    for made in (
        tables.main("<b>", nasty, measures, {"delta_m": "<script>alert(1)</script>"}),
        tables.choice("<b>", nasty),
        tables.ablation("<b>", nasty, ["none", "samo"]),
        tables.notebooks([("<b>", "<script>")]),
    ):
        piece = page.html("table", made)
        assert "&lt;b&gt;" in piece
        assert "<script>" not in piece
        assert "<b>" not in piece
    assert set(page.sources.best("multimnist")) <= {"delta_m", "left accuracy", "right accuracy"}
    marks = {"delta_m": "samo-ls", "left accuracy": "mgda"}
    shown = page.html("table", tables.main("multimnist", table, measures, marks))
    assert shown.count('<td class="best"') == len(marks)
    assert shown.count('<tr class="reference">') == 1  # STL


def test_a_study_that_has_not_run_is_all_gaps(tmp_path):
    made_report.copy_template(tmp_path)
    empty = Report(tmp_path, params())
    assert "No figure <code>multimnist-forest</code>" in empty.figures("forest", "", "")
    assert not empty.ablation("", "none", "samo")  # no row has an aggregator
    assert "—" in empty.main_tables()
    assert "compared" in empty.headline()
    assert "Not run" in empty.caveats()
    assert all("yet" in piece for piece in (empty.agreement(), empty.flatness(), empty.claims()))
    assert "has not been run" in empty.figure("toys", "line", "", "What to see.")


def test_a_missing_template_is_named(page, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"index\.html\.j2"):
        render(page.root / "reports/executed/report.ipynb", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"macros\.html\.j2"):
        Report(tmp_path, params()).headline()


def test_notebooks_are_stripped_and_tagged():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        assert not any(cell.outputs or cell.execution_count for cell in code)
        assert [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
