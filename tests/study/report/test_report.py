"""From made runs to the page: tables, figures, the notebook's cells, and the HTML that a reader opens."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import yaml

from samo.study import config
from samo.study.config import Params
from samo.study.report import tables
from samo.study.report.outputs import write_figure, write_tables
from samo.study.report.page import render
from samo.study.report.report import Report
from tests.made import write_runs
from tests.study.report import made_report

HERE = Path(__file__).parents[3]
METHODS = made_report.METHODS


def params(**changes: object) -> Params:
    """The made profile with some of its blocks replaced."""
    return config.parse(yaml.safe_dump(yaml.safe_load(made_report.PARAMS) | changes))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return made_report.make(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def root(page: Report) -> Path:
    return page.root


@pytest.fixture(scope="module")
def html(page: Report) -> str:
    return made_report.page(page).read_text(encoding="utf-8")


class Page(HTMLParser):
    """Collects what the tests ask about, and that every element is closed."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input", "path", "use"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.roles: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]
        if "role" in found:
            self.roles.append(found)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_no_network(html):
    found = Page(html)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert not [link for link in found.links if re.match(r"(https?:)?//", link)]
    assert not [words for words in ("MathJax", "require.js", "config.load", "a piece of the report") if words in html]
    assert len(html) < 4_000_000


def test_the_executed_notebook_of_every_condition_is_linked_under_the_stage_that_runs_it(html):
    links = Page(html).links
    for name in made_report.executed(params()):
        assert f"../executed/{name}.html" in links
        assert f"../executed/{name}.ipynb" in links
    for stage in ("train@multimnist-ls", "train-more@multimnist-mgda", "train-sensitivity@multimnist-bare"):
        assert f"<code>{stage}</code>" in html


def test_it_opens_with_the_question_the_verdicts_and_the_one_figure(html):
    assert '<li><a href="#main-results">Main results</a></li>' in html
    places = [html.index(words) for words in ("<h1", 'class="headline"', 'id="what-became', 'id="multimnist-forest"')]
    assert places == sorted(places)
    assert places[-1] < html.index('<h2 id="main-results">')


def test_every_figure_has_a_title_words_numbers_and_a_source(html):
    labelled = [role.get("aria-label") or "" for role in Page(html).roles if role["role"] == "img"]
    drawn = re.findall(r'<figure id="([a-z-]+)"><h3>([^<]+)</h3>', html)
    assert len(labelled) == len(drawn) + 2 * 4  # the panels of two sliders
    assert len(drawn) == 13 + 1 + 3 + 1  # of the dataset, its variants, the toys, and the reference run
    assert all(len(words) > 40 for words in labelled)
    assert all(len(title) > 20 for _, title in drawn)
    for name, _ in drawn:
        assert f'download="{name}.csv"' in html
        assert f"Just this one: <code>samo figure {name}</code>" in html
    source = html[html.index('<figure id="multimnist-curvature"') :].split('class="from">')[1].split("</span>")[0]
    assert '<a href="../executed/curvature-multimnist.html">' in source
    assert "5 conditions multimnist × (ls, gsam-ls, samo-ls, mgda …), seeds 0, 1, 2" in source
    gaps = re.findall("No figure <code>([^<]+)</code>", html)
    assert gaps == ["all-tasks"]  # one dataset has no other to be compared with


def test_the_reference_run_stands_beside_this_run(html):
    section = html[html.index('<figure id="reference-gains"') : html.index('<h2 id="main-results">')]
    assert "conditions of the shipped reference run, data/reference/study/run.jsonl" in section
    assert 'id="multimnist-reference"' in section
    assert "How it was made" in section
    published = html[html.index('id="multimnist-published"') :].split("</thead>")[0]
    assert published.count(">reference run<") == published.count(">this run<") == published.count(": published<") > 0


def test_without_a_reference_run_the_page_says_so(page, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(page.root, project, ignore=shutil.ignore_patterns("study"))
    report = Report(project, page.params)
    assert "No reference run is shipped" in report.reference().html
    assert "No figure <code>reference-gains</code>" not in report.figure("reference", "gains", "t", "c").html
    assert ">reference run<" not in report.published().html
    assert ">reference run<" not in report.claims().html


def test_the_command_beside_a_figure_makes_just_that_one(html, root, page):
    names = re.findall(r"<code>samo figure ([a-z-]+)</code>", html)
    assert len(names) > 15
    folder = root / "reports/figures"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in names:
        for ending in (".svg", ".csv", ".txt"):
            (folder / f"{name}{ending}").unlink()
        assert write_figure(root, page.datasets, name) == folder / f"{name}.svg"
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match=r"no figure 'multimnist-forrest': there are multimnist-forest, "):
        write_figure(root, page.datasets, "multimnist-forrest")


def test_what_the_profile_does_not_hold_is_one_line_each(html, root):
    lines = re.findall(r'(?:<p class="gap">|<li>)Not in this profile: ([^.]+)\.', html)
    for words in (
        "CelebA",
        "Office-Home",
        "NYUv2",
        "G-SAM, L-SAM and SAMO on one aggregator",
        "SAMO beside the placebo",
    ):
        assert words in lines
    assert "Multi-MNIST" not in lines
    without = Report(root, params(analyses={})).figures("curvature", "", "").html
    assert "Not in this profile: the analysis curvature." in without


def test_published_numbers_stand_beside_ours_with_what_differs(html):
    table = html[html.index('id="multimnist-published"') :].split("</table>")[0]
    caption, body = table.split("<thead>")
    assert "Not the same experiment. What differs: data.train is 320, the papers' 120,000" in caption
    # F-MTL's Table 1, MGDA: printed beside what the made run has.
    row = next(row for row in body.split("<tr>") if "<code>mgda</code>" in row)
    assert "F-MTL (ICCV 2025, arXiv 2211.13723), Table 1" in row
    assert (
        len(re.findall("<td", row)) == 1 + 2 * 3
    )  # the source; of two metrics published, reference, ours (no Delta-m)


def test_the_same_inputs_give_the_same_bytes_and_a_large_page_leaves_the_numbers_beside_it(html, root, monkeypatch):
    assert html.count("data:text/csv") > 15
    executed = root / "reports/executed/report.ipynb"
    assert render(executed, root, "cpu").read_text(encoding="utf-8") == html
    monkeypatch.setattr("samo.study.report.page.LIMIT", len(html.encode()) - 1)
    smaller = render(executed, root, "cpu").read_text(encoding="utf-8")
    assert "data:text/csv" not in smaller
    beside = set(re.findall(r'href="\.\./figures/([^"]+\.csv)"', smaller))
    assert len(beside) == html.count("data:text/csv")
    assert all((root / "reports/figures" / name).is_file() for name in beside)
    monkeypatch.setattr("samo.study.report.page.LIMIT", 1000)
    with pytest.warns(UserWarning, match="bytes, a telephone"):
        render(executed, root, "cpu")


def test_names_and_datasheets_are_escaped(page):
    assert "two digits &amp; &lt;more&gt;" in page.data().html
    nasty = page.sources.table("multimnist").assign(method="<script>alert(1)</script>", aggregator="<b>")
    measures, best = page.sources.measures("multimnist"), {"delta_m": "<script>alert(1)</script>"}
    for made in (
        tables.main("<b>", nasty, measures, best),
        tables.choice("<b>", nasty),
        tables.ablation("<b>", nasty, ["none", "samo"]),
        tables.notebooks([("<b>", "<script>")]),
    ):
        piece = page.html("table", made)
        assert "&lt;b&gt;" in piece
        assert "<script>" not in piece
        assert "<b>" not in piece


def test_a_study_that_has_not_run_is_all_gaps(tmp_path):
    made_report.copy_template(tmp_path)
    empty = Report(tmp_path, params())
    assert "No figure <code>multimnist-forest</code>" in empty.figures("forest", "", "").html
    assert "—" in empty.main_tables().html
    assert "compared" in empty.headline().html
    assert "Not run" in empty.caveats().html
    assert "yet" in empty.agreement().html
    assert "yet" in empty.flatness().html
    assert "yet" in empty.claims().html
    assert "has not been run" in empty.figure("toys", "line", "", "What to see.").html
    assert empty.toy_steps().html.strip() == ""


def test_bold_is_told_by_the_rule_alone(page):
    best = page.sources.best("multimnist")
    assert set(best) <= {"delta_m", "left accuracy", "right accuracy"}
    table, measures = page.sources.table("multimnist"), page.sources.measures("multimnist")
    for marks in ({}, {"delta_m": "samo-ls", "left accuracy": "mgda"}):
        html = page.html("table", tables.main("multimnist", table, measures, marks))
        assert html.count('<td class="best"') == len(marks)


def test_a_removed_method_leaves_the_tables(tmp_path):
    pairs = write_runs(tmp_path, METHODS)
    write_tables(tmp_path, [pair for pair in pairs if pair[1] != "mgda"])
    for file in (tmp_path / "reports/tables").iterdir():
        assert not re.search(r"\bmgda\b(?<!samo-mgda)(?=,ls|,mgda,none)", file.read_text())
        assert '"mgda":' not in file.read_text()


def test_a_missing_template_is_named(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"index\.html\.j2"):
        render(root / "reports/executed/report.ipynb", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"macros\.html\.j2"):
        Report(tmp_path, params()).headline()


def test_notebooks_are_stripped_and_tagged():
    for path in (HERE / "notebooks").glob("*.ipynb"):
        code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        assert not any(cell.outputs or cell.execution_count for cell in code)
        assert [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]


def test_the_toys_are_on_the_page_with_a_slider_each_in_its_colours(root, html):
    assert (root / "reports/tables/toys.csv").read_text() == (root / "data/analysis/toys/ends.csv").read_text()
    assert html.count('type="range"') == 2
    slider = html[html.index('<figure class="toy-paths"') :]
    assert "var(--c-samo, #d55e00)" in slider[: slider.index("</figure>")]
    assert 'id="toys-line"' in html
