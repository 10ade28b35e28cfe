"""Variants are in a table, a figure and the evidence of their own, and nowhere else."""

import json

import pandas as pd
import pytest
import yaml

from samo.study.report.evidence import read
from samo.study.report.outputs import write_claims, write_figures, write_tables
from samo.study.report.report import Report
from tests.made import made_variant, write_runs, write_variants
from tests.study.report.made_report import PARAMS, copy_template
from tests.study.report.test_report import params

METHODS = ["stl", "ls", "samo-ls", "mgda", "fmtl-mgda"]
RUNS = [
    made_variant("samo-ls", "bare", {"normalise": "none"}, gain=-3.0, noise=0.1),
    made_variant("samo-ls", "whole", {"normalise": "global"}, gain=-2.0, noise=0.1),
    *(made_variant("fmtl-mgda", f"wide{k}", {"rho": 0.01 * 10**k}, gain=-2.0 * k, noise=0.1) for k in range(3)),
]
NAMES = [run["method"] for run in RUNS]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two datasets of which one has variants; its folder, main cells and variants."""
    root = tmp_path_factory.mktemp("project")
    pairs = write_runs(root, METHODS) + write_runs(root, METHODS, dataset="scenes")
    variants = write_variants(root, RUNS)
    write_figures(root, write_tables(root, pairs, variants))
    return root, pairs, variants


def test_variants_have_a_table_and_a_figure_of_their_own(study):
    root, _, _ = study
    table = pd.read_csv(root / "reports/tables/multimnist-sensitivity.csv")
    assert set(table.loc[table["role"] == "variant", "method"]) == set(NAMES)
    assert (
        "| normalise = layer (default) | samo-ls |" in (root / "reports/tables/multimnist-sensitivity.md").read_text()
    )
    figure = root / "reports/figures/multimnist-sensitivity.svg"
    assert "normalisation" in figure.read_text()
    assert "rho 0.1" in figure.with_suffix(".txt").read_text()
    assert set(pd.read_csv(figure.with_suffix(".csv"))["method"]) == {*NAMES, "samo-ls", "fmtl-mgda"}
    assert not [path for folder in ("tables", "figures") for path in (root / "reports" / folder).glob("scenes-sens*")]


def test_variants_are_in_no_other_table_or_figure(study):
    root, pairs, _ = study
    main = pd.read_csv(root / "reports/tables/multimnist.csv")
    assert sorted(main["method"]) == sorted(METHODS)
    assert set(json.loads((root / "reports/tables/metrics.json").read_text())["multimnist"]) == set(METHODS)
    others = [path for path in (root / "reports").rglob("*.csv") if "sensitivity" not in path.name]
    assert len(others) > 8
    for path in others:
        assert not set(pd.read_csv(path).get("method", pd.Series(dtype=str))) & set(NAMES)
    # Not even their presence is felt: ranks and choices are those without them.
    write_tables(root, pairs)
    pd.testing.assert_frame_equal(pd.read_csv(root / "reports/tables/multimnist.csv"), main)
    assert not (root / "reports/tables/multimnist-sensitivity.csv").exists()
    write_tables(root, pairs, study[2])


def test_a_variant_that_has_not_run_is_a_gap(study, tmp_path):
    pairs = write_runs(tmp_path, METHODS)
    write_figures(tmp_path, write_tables(tmp_path, pairs, [("multimnist", "later")]))
    [row] = pd.read_csv(tmp_path / "reports/tables/multimnist-sensitivity.csv").to_dict("records")
    assert row["method"] == "later"
    assert not (tmp_path / "reports/figures/multimnist-sensitivity.svg").exists()
    copy_template(tmp_path)
    told = Report(tmp_path, params()).sensitivity("", "").html
    assert "No figure" in told
    assert "can be compared" in told


def test_the_report_shows_datasets_with_variants_and_passes_over_the_others(study, tmp_path):
    root, _, _ = study
    for folder in (root, tmp_path):
        copy_template(folder)
    scenes = {
        "data": {"train": 8, "val": 8, "test": 8, "height": 32, "width": 48, "seed": 0},
        "training": {"network": "segnet", "widths": [8, 8], "batch": 8, "evaluations": 1},
    }
    both = params(datasets=yaml.safe_load(PARAMS)["datasets"] | {"scenes": scenes})
    told = Report(root, both).sensitivity("what one setting changes", "Below zero the change helps.").html
    assert "On Multi-MNIST, " in told
    assert 'id="multimnist-sensitivity"' in told
    assert "Scenes" not in told
    assert "No figure" not in told
    assert "has been run yet" in Report(tmp_path, both).sensitivity("", "").html
    none = params(sensitivity={"datasets": [], "methods": {}})
    assert "Not in this profile: variants" in Report(tmp_path, none).sensitivity("", "").html


def test_the_claims_see_variants_and_know_them_from_the_methods_of_the_table(study):
    root, pairs, variants = study
    found = read(root, pairs, [], variants)
    marked = found.runs.groupby("method")["variant"].first()
    assert marked[marked].index.tolist() == sorted(NAMES)
    with_, without = (write_claims(root, pairs, [], some) for some in (variants, ()))
    for number, lack in ((7, "normalise none"), (16, "three given rho")):
        gaps = without[without["number"] == number]
        assert set(gaps["verdict"]) == {"not run"}
        assert gaps["why"].str.contains(lack).any()
        rows = with_[(with_["number"] == number) & (with_["dataset"] == "multimnist")]
        assert len(rows) == 2
        assert "not run" not in set(rows["verdict"])
        assert set(rows["figure"]) == {"multimnist-sensitivity"}
    # Three points of accuracy less without normalisation, two with the other, of about 90.
    rows = with_[(with_["number"] == 7) & (with_["dataset"] == "multimnist")]
    assert rows["effect"].tolist() == pytest.approx([3.3, 2.2], abs=0.4)
    # What is said of the methods of the table stays as it was.
    others, before = (frame[~frame["number"].isin([7, 16, 24])].reset_index(drop=True) for frame in (with_, without))
    assert len(others) > 20
    pd.testing.assert_frame_equal(others, before)
