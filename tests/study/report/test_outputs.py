"""Tables and figures of the active profile's conditions: nothing of others, variants in files of their own."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from samo.study.report import outputs
from samo.study.report.evidence import read
from samo.study.report.outputs import METRICS, write_claims, write_figure, write_figures, write_tables
from samo.study.report.page.report import Report
from tests.made import made_variant, write_runs, write_variants
from tests.study.report.made_report import PARAMS, copy_template
from tests.study.report.page.test_report import params

METHODS = ["stl", "ls", "samo-ls", "mgda", "fmtl-mgda"]
RUNS = [
    made_variant("samo-ls", "bare", {"normalise": "none"}, gain=-3.0, noise=0.1),
    made_variant("samo-ls", "whole", {"normalise": "global"}, gain=-2.0, noise=0.1),
    *(made_variant("fmtl-mgda", f"wide{k}", {"rho": 0.01 * 10**k}, gain=-2.0 * k, noise=0.1) for k in range(3)),
]
NAMES = [run["method"] for run in RUNS]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two datasets of which one has variants; its folder, main conditions and variants."""
    root = tmp_path_factory.mktemp("project")
    copy_template(root)
    pairs = write_runs(root, METHODS) + write_runs(root, METHODS, dataset="scenes")
    variants = write_variants(root, RUNS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "svg", lambda _: "<svg ></svg>")  # the page of `made_page` has them drawn
        write_figures(root, datasets := write_tables(root, pairs, variants))
    write_figure(root, datasets, "multimnist-sensitivity")
    return root, pairs, variants


def test_variants_have_a_table_and_a_figure_of_their_own_and_are_in_no_other(study):
    root, pairs, variants = study
    tables, figures = root / "reports/tables", root / "reports/figures"
    table = pd.read_csv(tables / "multimnist-sensitivity.csv")
    assert set(table.loc[table["role"] == "variant", "method"]) == set(NAMES)
    assert "| samo-ls (LS + SAMO) | normalise = layer (default) |" in (tables / "multimnist-sensitivity.md").read_text()
    assert "rho 0.1" in (figures / "multimnist-sensitivity.txt").read_text()
    assert set(pd.read_csv(figures / "multimnist-sensitivity.csv")["method"]) == {*NAMES, "samo-ls", "fmtl-mgda"}
    assert not [*tables.glob("scenes-sens*"), *figures.glob("scenes-sens*")]
    main = pd.read_csv(tables / "multimnist.csv")
    assert sorted(main["method"]) == sorted(METHODS)
    for path in (root / "reports").rglob("*.csv"):
        if "sensitivity" not in path.name and path.stem not in ("ladder", "all-dose"):  # these say which is a variant
            assert not set(pd.read_csv(path).get("method", pd.Series(dtype=str))) & set(NAMES)
    # Not even their presence is felt: ranks and choices are those without them.
    write_tables(root, pairs)
    pd.testing.assert_frame_equal(pd.read_csv(tables / "multimnist.csv"), main)
    assert not (tables / "multimnist-sensitivity.csv").exists()
    write_tables(root, pairs, variants)


def test_a_removed_method_leaves_the_tables_and_a_condition_that_has_not_run_is_a_gap(tmp_path):
    pairs = write_runs(tmp_path, METHODS)
    write_tables(tmp_path, [pair for pair in pairs if pair[1] != "mgda"], [("multimnist", "later")])
    tables = tmp_path / "reports/tables"
    for file in filter(Path.is_file, tables.rglob("*")):
        assert not re.search(r"\bmgda\b(?<!fmtl-mgda)(?=,ls|,mgda,none)", file.read_text())
        assert file.stem != "mgda"
    [row] = pd.read_csv(tables / "multimnist-sensitivity.csv").to_dict("records")
    assert (row["method"], row["n_seeds"]) == ("later", 0)
    copy_template(tmp_path)
    told = Report(tmp_path, params()).sensitivity("", "")
    assert "No figure" in told
    assert "can be compared" in told


def test_the_report_shows_datasets_with_variants_and_passes_over_the_others(study, tmp_path):
    copy_template(tmp_path)
    blocks = {name: yaml.safe_load(PARAMS)["datasets"]["multimnist"] for name in ("multimnist", "multifashion")}
    both = params(datasets=blocks)
    told = Report(study[0], both).sensitivity("what one setting changes", "Below zero the change helps.")
    assert "On Multi-MNIST, " in told
    assert 'id="multimnist-sensitivity"' in told
    assert "Multi-Fashion" not in told
    assert "No figure" not in told
    assert "has been run yet" in Report(tmp_path, both).sensitivity("", "")
    none = params(sensitivity={"datasets": [], "methods": {}})
    assert "Not in this profile: variants" in Report(tmp_path, none).sensitivity("", "")


def test_the_claims_see_variants_and_know_them_from_the_methods_of_the_table(study):
    root, pairs, variants = study
    marked = read(root, pairs, [], variants).evidence.runs.groupby("method")["variant"].first()
    assert marked[marked].index.tolist() == sorted(NAMES)
    with_, without = (write_claims(root, pairs, [], some) for some in (variants, ()))
    for number, lack in ((7, "normalise none"), (16, "three given rho")):
        gaps = without[without["number"] == number]
        assert set(gaps["verdict"]) == {"not run"}
        assert gaps["why"].str.contains(lack).any()
        rows = with_.query("number == @number and dataset == 'multimnist'")
        assert "not run" not in set(rows["verdict"])
        assert set(rows["figure"]) == {"multimnist-sensitivity"}
    # Three points of accuracy less without normalisation, two with the other, of about 90.
    effects = with_.query("number == 7 and dataset == 'multimnist'")["effect"]
    assert effects.tolist() == pytest.approx([3.3, 2.2], abs=0.4)


def test_dvc_has_a_small_file_a_method_and_one_line_a_dataset(study):
    tables = study[0] / "reports/tables"
    files = sorted((tables / "metrics/multimnist").iterdir())
    assert [file.stem for file in files] == sorted(METHODS)
    shown = json.loads((tables / "metrics/multimnist/samo-ls.json").read_text())
    assert set(shown) == {*METRICS, "step"}
    row = pd.read_csv(tables / "multimnist.csv").set_index("method").loc["samo-ls"]
    assert shown["gain"] == pytest.approx(row["gain"], abs=1e-3)
    summary = json.loads((tables / "summary.json").read_text())
    assert list(summary) == ["multimnist", "scenes"]
    assert summary["multimnist"]["method"] == "samo-ls"
    assert summary["multimnist"]["gain_from"] < summary["multimnist"]["gain_to"]
