import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from papermill import inspect_notebook

from samo import analysis
from samo.study.errors import NotebookError
from samo.study.notebooks import notebook
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
    assert "<h1>A notebook: samo-ls</h1>" in page
    assert page.count("UserWarning: made") == 1
    assert "<summary>Warnings</summary>" in page
    assert "IProgress" not in page
    assert "<math " in page
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


def commands():
    for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items():
        for command in [stage["cmd"]] if isinstance(stage["cmd"], str) else stage["cmd"]:
            if " run " in command:
                yield name, command.split(" run ")[1].split()


def test_dvc_yaml_names_parameters_that_its_notebooks_have():
    for stage, words in commands():
        given = {words[i + 1].split("=")[0] for i, word in enumerate(words) if word == "-p"}
        for name in [words[0]] if "$" not in words[0] else analysis.names():
            assert given == set(inspect_notebook(str(ROOT / f"notebooks/{name}.ipynb"))), stage


def test_no_grammar_of_addresses_is_compiled(tmp_path):
    """jsonschema would import it where Jupyter has installed it, which takes seconds."""
    (tmp_path / "rfc3987_syntax.py").write_text("raise SystemExit('imported')")
    run = [sys.executable, "-X", "importtime", "-c", "from samo.study.notebooks import notebook"]
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{tmp_path}"}
    done = subprocess.run(run, env=env, capture_output=True, text=True, check=True)
    (tried,) = [line for line in done.stderr.splitlines() if line.endswith(" rfc3987_syntax")]
    assert int(tried.split("|")[1]) < 10_000  # microseconds of a refused import
