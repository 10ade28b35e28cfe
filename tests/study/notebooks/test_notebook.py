"""Notebooks as they are run, and what an executed one loses of chance and noise, and what it keeps."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from papermill import inspect_notebook

from samo import analysis
from samo.study.errors import NotebookError
from samo.study.notebooks import notebook
from samo.study.notebooks.notebook import scrub, title
from samo.study.notebooks.page import to_mathml
from tests.study.made_study import ROOT


@pytest.fixture
def study(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def write(study, *sources):
    cells = [new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), study / "notebooks/made.ipynb")


def test_parameters_go_in_and_the_executed_copy_comes_out_the_same_each_time(study):
    write(study, 'who = "nobody"', "print(who)", "import samo; print(samo.__file__)")
    found = []
    for _ in range(2):
        notebook.run("made", "made-one", {"who": "<b>somebody</b>"})
        found.append((study / "reports/executed/made-one.ipynb").read_bytes())
    assert found[0] == found[1]
    nbformat.validate(nbformat.reads(found[0].decode(), as_version=4))
    outputs = json.loads(found[0])["cells"][2]["outputs"][0]["text"]
    assert "".join(outputs).strip() == "<b>somebody</b>"
    # The code of the folder the notebook runs in, whatever is installed.
    assert str(study / "src/samo/__init__.py") in found[0].decode()
    page = (study / "reports/executed/made-one.html").read_text()
    assert "<b>somebody</b>" not in page
    assert "&lt;b&gt;somebody" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert page.count("<summary>code</summary>") == 3  # the parameters once, as they were given
    assert "prefers-color-scheme: dark" in page
    assert "<title>made-one</title>" in page
    assert sorted(p.name for p in (study / "reports/executed").iterdir()) == ["made-one.html", "made-one.ipynb"]


SHOWN = """import warnings
for _ in range(3): warnings.warn('made', stacklevel=1)
from IPython.display import Markdown
Markdown(r'$$\\epsilon_0$$')"""


def test_the_page_has_warnings_formulas_without_a_script_and_the_parameters_in_its_heading(study):
    # MLflow imports tqdm's bars for notebooks, which miss widgets.
    write(study, 'who = "nobody"', "from samo.study.notebooks import view\nimport tqdm.auto", SHOWN)
    path = study / "notebooks/made.ipynb"
    source = nbformat.read(path, as_version=4)
    source.cells.insert(0, new_markdown_cell("# A notebook"))
    nbformat.write(source, path)
    notebook.run("made", "made-one", {"who": "samo-ls"})
    page = (study / "reports/executed/made-one.html").read_text()
    assert all(words in page for words in ("<h1>A notebook: samo-ls</h1>", "<summary>Warnings</summary>", "<math "))
    assert page.count("UserWarning: made") == 1
    assert "IProgress" not in page
    assert "$$" not in page.split("</details>")[-1]


def test_what_cannot_be_run_is_told_in_one_line_and_leaves_nothing(study, capfd):
    write(study, "rho = 1", "raise ValueError('the reason')")
    with pytest.raises(NotebookError, match="no parameter roh; it has rho"):
        notebook.run("made", "made-one", {"roh": "2"})
    with pytest.raises(NotebookError, match=r"gone\.ipynb: no such notebook"):
        notebook.run("gone", "gone", {})
    with pytest.raises(NotebookError, match=r"made\.ipynb: ValueError: the reason"):
        notebook.run("made", "made-one", {})
    assert list((study / "reports/executed").iterdir()) == []
    assert capfd.readouterr().err == ""  # nothing of how the kernel ended


def test_dvc_yaml_names_parameters_that_its_notebooks_have():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    commands = re.findall(r" run (\S+)(.*?)'", str([stage["cmd"] for stage in stages.values()]))
    assert len(commands) > 5
    for what, options in commands:
        given = set(re.findall(r"-p (\w+)=", options))
        for name in [what] if "$" not in what else analysis.names():
            assert given == set(inspect_notebook(str(ROOT / f"notebooks/{name}.ipynb"))), name


def test_no_grammar_of_addresses_is_compiled(tmp_path):
    """jsonschema would import it where Jupyter has installed it, which takes seconds."""
    (tmp_path / "rfc3987_syntax.py").write_text("raise SystemExit('imported')")
    run = [sys.executable, "-X", "importtime", "-c", "from samo.study.notebooks import notebook"]
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{tmp_path}"}
    done = subprocess.run(run, env=env, capture_output=True, text=True, check=True)
    (tried,) = [line for line in done.stderr.splitlines() if line.endswith(" rfc3987_syntax")]
    assert int(tried.split("|")[1]) < 10_000  # microseconds of a refused import


PROJECT = Path("/somewhere/project")
WARNING = "/else/python3.11/site-packages/torch/nn/functional.py:1075: UserWarning: not deterministic\n  return f(x)\n"


def scrubbed(*outputs):
    made = new_notebook(cells=[new_code_cell("1", outputs=list(outputs))])
    return scrub(made, PROJECT).cells[0].outputs


def said(text):
    return new_output("stream", name="stderr", text=text)


def test_a_warning_is_kept_once_without_this_machines_folders_and_what_no_reader_needs_goes():
    mine = f"{PROJECT}/src/samo/made.py:3: UserWarning: mine\n"
    warned = "torch/nn/functional.py:1075: UserWarning: not deterministic\n  return f(x)\n  (3 times)\n"
    for pieces, left in (
        ((WARNING, mine + WARNING, WARNING), f"{warned}src/samo/made.py:3: UserWarning: mine\n"),
        ((" 10%\r 50%\r100%\n",), "100%\n"),
        (("[W1123 05:24:26.123456 file.cpp:64] no device\n",), "[W file.cpp:64] no device\n"),
    ):
        (only,) = scrubbed(*map(said, pieces))
        assert (only.name, only.text) == ("stderr", left)
    assert scrubbed(said("USDT:2026-01-02 03:04:05 7:7 Profiler.cpp:52] profiler_start\n" * 3)) == []


def test_pieces_of_a_stream_become_one_wherever_they_came():
    table = new_output("display_data", data={"text/plain": "table"})
    printed = [new_output("stream", name="stdout", text=text) for text in ("a\n", "b\n")]
    expected = scrubbed(said(WARNING), *printed, table)
    assert [o.output_type for o in expected] == ["stream", "stream", "display_data"]
    assert expected[1].text == "a\nb\n"
    assert scrubbed(printed[0], table, said(WARNING), printed[1]) == expected


def test_random_names_are_the_same_each_time():
    def styled(name, address):
        html = f'<style>#T_{name}_row0_col0 {{}}</style><table id="T_{name}"><td id="T_{name}_row0_col0">T_total</td>'
        return scrubbed(new_output("execute_result", data={"text/html": html, "text/plain": f"<Styler at {address}>"}))

    assert styled("0a1b2", "0x7f00aa") == styled("99fee", "0x7f1234")
    (one,) = styled("0a1b2", "0x7f00aa")
    assert 'id="T_0-0"' in one.data["text/html"]
    assert one.data["text/plain"] == "<Styler>"


def test_the_heading_says_what_it_was_run_for():
    def heading(first, words):
        return title(new_notebook(cells=[new_markdown_cell(first)]), words).cells[0].source

    assert heading("# Train one cell\n\nText.", "digits / samo-ls") == "# Train one cell: digits / samo-ls\n\nText."
    assert heading("# Tables", "") == "# Tables"
    assert heading("No heading", "digits") == "No heading"


def test_formulas_become_mathml_in_one_line_so_that_markdown_leaves_them_alone():
    shown = to_mathml("A mix $v_i = \\alpha g_0$ of both.\n\n$$\\frac{a_1}{b^*}\n+ c_2$$\n")
    assert shown.count("<math") == 2
    assert 'display="inline"' in shown
    assert 'display="block"' in shown
    assert "<mfrac>" in shown
    assert "$" not in shown
    assert "\\alpha" not in shown
    assert shown.count("\n") == 3
    for words in ("It costs 5$ or $ 6.", "Price: \\$5 and \\$6.", "no formula"):
        assert to_mathml(words) == words
