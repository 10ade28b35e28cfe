"""From made runs to the page: tables, figures, the notebook's cells, and the HTML that a reader opens."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from samo.analysis.layers import layers
from samo.study import store
from samo.study.conflict_stage import write_conflict
from samo.study.figures_stage import write_figures
from samo.study.report import Report, contents, make, provenance, render
from samo.study.tables_stage import csv, read_histories, write_tables
from samo.study.toys_stage import write_walks
from tests.made import write_runs
from tests.made_toys import made_walks

HERE = Path(__file__).parents[1]
METHODS = ["stl", "ls", "samo-ls", "mgda", "samo-mgda"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with made runs, its tables and its conflict analysis."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(HERE / "reports/template", folder / "reports/template")
    (folder / "params.yaml").write_text("seeds: [0, 1, 2]\n")
    pairs = write_runs(folder, METHODS)
    sheet = {"what": "two digits & <more>", "splits": {"train": {"images": 5000, "class_counts": {"left": [1, 2]}}}}
    store.write_json(folder / "data/prepared/multimnist/datasheet.json", sheet)
    write_conflict(folder, "multimnist", pairs)
    write_walks(folder, made_walks())
    by_layer = layers(read_histories(folder, "multimnist", ["mgda"], "layers.csv"), choose=2)
    store.write_text(folder / "data/analysis/multimnist/layers.csv", csv(by_layer))
    write_figures(folder, write_tables(folder, pairs))
    return folder


@pytest.fixture(scope="module")
def page(root: Path) -> Report:
    return make(
        root, [("multimnist", method) for method in METHODS], {"multimnist": {"training": {"batch": 32}}}, ["conflict"]
    )


@pytest.fixture(scope="module")
def html(root: Path, page: Report) -> str:
    """The page of the real report notebook, its cells evaluated here instead of in a kernel."""
    notebook = nbformat.read(HERE / "notebooks/report.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.startswith("page."):
            shown = eval(cell.source, {"page": page})
            data = {"text/html": shown._repr_html_(), "text/plain": repr(shown)}
            cell.outputs = [nbformat.v4.new_output("display_data", data)]
    executed = root / "reports/executed/report.ipynb"
    store.write_text(executed, nbformat.writes(notebook))
    return render(executed, root).read_text(encoding="utf-8")


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
    assert "MathJax" not in html
    assert "require.js" not in html
    assert len(html) < 8_000_000


def test_every_link_within_the_study_leads_somewhere(html, root):
    found = Page(html)
    for link in found.links:
        if link.startswith("#"):
            assert link[1:] in found.ids
        elif link.startswith("../figures/"):
            assert (root / "reports/html" / link).resolve().is_file()
    assert "../executed/conflict-multimnist.ipynb" in found.links
    for method in METHODS:
        assert f"../executed/train-multimnist-{method}.html" in found.links
        assert f"../executed/train-multimnist-{method}.ipynb" in found.links


def test_every_figure_has_words_and_every_part_is_there(html):
    labelled = [role.get("aria-label") or "" for role in Page(html).roles if role["role"] == "img"]
    assert len(labelled) == 10 + 2 + 2 * 4  # of the dataset, of the toys, and the panels of their sliders
    assert all(len(words) > 40 for words in labelled)
    for name in ("main-results", "data", "executed-notebooks"):
        assert f'<h2 id="{name}">' in html
    assert "No figure" not in html
    assert "3 seeds a method" in html


def test_the_same_inputs_give_the_same_bytes(html, root):
    assert render(root / "reports/executed/report.ipynb", root).read_text(encoding="utf-8") == html


def test_figures_are_the_same_twice(root):
    before = {path.name: path.read_bytes() for path in (root / "reports/figures").iterdir()}
    write_figures(root, ["multimnist"])
    assert before == {path.name: path.read_bytes() for path in (root / "reports/figures").iterdir()}
    assert len(before) == 3 * (10 + 3) + 2  # each with numbers and words; two sliders


def test_code_of_the_notebook_is_not_shown(html):
    assert "config.load" not in html
    assert "a piece of the report" not in html


def test_names_and_datasheets_are_escaped(root, page):
    assert "two digits &amp; &lt;more&gt;" in page.data()._repr_html_()
    nasty = Report(root, (("<b>", "<script>alert(1)</script>"),), {})
    for piece in (nasty.main_tables(), nasty.choices(), nasty.notebooks(), nasty.figures("forest", "<i>")):
        assert "<script>" not in piece.html
        assert "<b>" not in piece.html


def test_a_study_that_has_not_run_is_all_gaps(tmp_path):
    empty = make(tmp_path, [("multimnist", "ls")], {})
    assert "No figure" in empty.figures("forest", "").html
    assert "—" in empty.main_tables().html
    assert "compared" in empty.headline().html
    assert "Not run" in empty.caveats().html
    assert "yet" in empty.agreement().html
    assert "yet" in empty.flatness().html


def test_a_removed_method_leaves_the_tables(tmp_path):
    pairs = write_runs(tmp_path, METHODS)
    write_tables(tmp_path, [pair for pair in pairs if pair[1] != "mgda"])
    for file in (tmp_path / "reports/tables").iterdir():
        assert not re.search(r"\bmgda\b(?<!samo-mgda)(?=,ls|,mgda,none)", file.read_text())
        assert '"mgda":' not in file.read_text()


def test_provenance_is_of_content_only(root, tmp_path):
    facts = provenance(root)
    assert facts["params.yaml"] != "missing"
    assert facts == provenance(root)
    assert provenance(tmp_path)["params.yaml"] == "missing"
    assert "+" not in facts["torch"]


def test_contents_lists_second_level_headings():
    body = contents("<!-- contents --><h2>A <em>b</em> &amp; c</h2><h2 class='plain'>no</h2>")
    assert '<li><a href="#a-b-c">A b &amp; c</a></li>' in body
    assert "#no" not in body


def test_a_missing_template_is_named(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"index\.html\.j2"):
        render(root / "reports/executed/report.ipynb", tmp_path)


@pytest.mark.parametrize("name", ["tables", "conflict", "curvature", "landscape", "layers", "probe", "report"])
def test_notebooks_are_stripped_and_tagged(name):
    notebook = nbformat.read(HERE / "notebooks" / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on this machine: the page is not opened in a browser")
    return found


def test_a_browser_opens_the_page_sorts_it_and_has_nothing_to_complain_about(html, root, tmp_path, chromium):
    """Slow part: the start of a browser, about three seconds."""
    script = """
      const head = document.querySelectorAll("#multimnist-main thead th")[1];
      head.querySelector("button").click();
      document.querySelector("#theme").click();
      const column = [...document.querySelectorAll("#multimnist-main tbody tr")].map((r) => r.cells[1].dataset.sort);
      document.body.dataset.sorted = column.filter((v) => v !== undefined).join(" ");
      document.body.dataset.sideways = document.documentElement.scrollWidth - innerWidth;
      document.body.dataset.theme = document.documentElement.dataset.theme;
    """
    file = root / "reports/html/probe.html"
    file.write_text(html.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path}"]
    command += ["--window-size=500,900", "--enable-logging=stderr", "--virtual-time-budget=3000", "--dump-dom"]
    done = subprocess.run([*command, file.as_uri()], capture_output=True, text=True, timeout=60, check=True)
    attributes = dict(re.findall(r'data-(sorted|sideways|theme)="([^"]*)"', done.stdout[done.stdout.index("<body") :]))
    values = [float(value) for value in attributes["sorted"].split()]
    assert values == sorted(values)
    assert len(values) == len(METHODS)
    assert int(attributes["sideways"]) <= 0
    assert attributes["theme"] in ("dark", "light")
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_the_toys_are_on_the_page_with_a_slider_each_in_its_colours(root, html):
    assert (root / "reports/tables/toys.csv").read_text() == (root / "data/analysis/toys/ends.csv").read_text()
    assert html.count('type="range"') == 2
    slider = html[html.index('<figure class="toy-walks"') :]
    assert "var(--c-samo, #d55e00)" in slider[: slider.index("</figure>")]
    assert 'id="toys-line"' in html


def test_without_the_stage_the_toys_are_a_gap(tmp_path):
    empty = make(tmp_path, [("multimnist", "ls")], {})
    assert "has not been run" in empty.toys("line", "What to see.").html
    assert empty.toy_steps().html == ""
