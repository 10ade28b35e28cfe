"""Files in, verdicts out; what is on the screen fits a narrow one."""

import pandas as pd
import pytest
from rich.console import Console

from samo.claims.comparison import Verdict
from samo.claims.table import ALL, COLUMNS, effect, markdown, places
from samo.study.report.evidence import read, rows
from samo.study.report.outputs import write_claims, write_tables
from samo.study.report.show import show_claims as show
from samo.study.runs.results import read_runs
from tests.made import SEEDS, TASKS, made_run, method_names, write_runs


@pytest.fixture
def pairs(tmp_path):
    """The laptop profile's cells on disk: SAMO is better than its base by far, and costs what its passes do."""
    return write_runs(tmp_path, list(method_names()))


HEAD = "updates,seed,update,layer,position,cosine\n"


def test_evidence_is_what_the_profile_names_and_nothing_else(tmp_path, pairs):
    write_runs(tmp_path, ["samo-ls"], dataset="scenes")  # not in the profile
    (tmp_path / "data/runs/multimnist/ls/layers.csv").write_text(
        "updates,seed,update,layer,position,cosine\n4,0,0,conv,0,0.5\n"
    )
    (tmp_path / "data/runs/multimnist/mgda/layers.csv").unlink()
    (tmp_path / "data/analysis/multimnist/curvature.csv").write_text("method,seed\nls,0\n")
    kept = [pair for pair in pairs if pair[1] != "samo-ls"]
    found = read(tmp_path, kept, ["cost", "conflict"])
    assert found.datasets == ("multimnist",)
    assert "samo-ls" not in set(found.runs["method"]) | set(found.history["method"]) | set(found.cost["method"])
    assert len(found.runs) == len(kept) * len(SEEDS) * len(TASKS)
    assert set(found.history["metric"]) == {"cosine_mean", "minibatch_conflict"}
    assert "samo-ls" not in set(found.layers["method"])
    assert "mgda" not in set(found.layers["method"])
    assert found.layers[found.layers["method"] == "ls"].to_dict("records") == [
        {
            "updates": 4,
            "seed": 0,
            "update": 0,
            "layer": "conv",
            "position": 0,
            "cosine": 0.5,
            "dataset": "multimnist",
            "method": "ls",
        }
    ]
    assert found.curvature.empty  # left over from an analysis that is no longer asked for
    assert found.probe.empty
    assert found.toys.empty
    assert read(tmp_path, kept, []).cost.empty


def test_options_and_fields_tell_methods_apart():
    run = made_run("samo-fairgrad") | {"options": {"alpha": 1.0}, "fields": {"mu": 0.1}}
    run["seeds"]["0"]["left"]["accuracy"] = None
    frame = pd.DataFrame(rows(run))
    assert set(frame["aggregator"]) == {"fairgrad alpha=1.0"}
    assert frame["fields"].iloc[0] == {"mu": 0.1}
    assert frame["value"].isna().sum() == 1


def test_the_table_holds_every_claim_and_its_verdict(tmp_path, pairs):
    figure = tmp_path / "reports/figures/multimnist-forest.svg"
    figure.parent.mkdir(parents=True)
    figure.write_text("<svg/>")
    found = write_claims(tmp_path, pairs, ["cost"])
    assert list(found.columns) == COLUMNS
    assert {"supported", "contradicted", "undecided", "not run"} <= set(found["verdict"]) <= set(Verdict)
    whole = found[found["dataset"] == ALL].set_index("number")
    assert list(whole.index) == list(range(1, 29))
    # 1.6 accuracy points in 90 against a seed noise of an eighth of a point that is a method's own.
    improves = places(found[found["number"] == 5])
    assert set(improves["base"]) == {"ls", "mgda", "fairgrad"}
    assert set(improves["verdict"]) == {"supported"}
    assert improves["effect"].between(1.2, 2.4).all()
    assert whole.loc[5, "verdict"] == "supported"
    assert whole.loc[6, "verdict"] == "contradicted"  # 2.7 / 2.0 is more than 1.06
    for number in (2, 8, 9, 10, 18, 20, 21):
        assert whole.loc[number, "verdict"] == "not run"
        assert str(whole.loc[number, "why"]).startswith("missing: ")
    assert set(found["figure"]) == {"", "multimnist-forest"}
    again = pd.read_csv(tmp_path / "reports/tables/claims.csv", keep_default_na=False)
    assert list(again["verdict"]) == list(found["verdict"])


def test_a_gain_is_the_same_in_the_main_table_and_in_the_claims(tmp_path, pairs):
    mains = write_tables(tmp_path, pairs)
    claimed = (
        write_claims(tmp_path, pairs, []).query("number == 5 and base == 'mgda' and dataset == 'multimnist'").iloc[0]
    )
    row = mains["multimnist"].query("method == 'samo-mgda'").iloc[0]
    ours, theirs = claimed[["effect", "low", "high"]], -row[["gain", "gain_high", "gain_low"]]
    assert ours.to_numpy(float) == pytest.approx(theirs.to_numpy(float))


def test_the_same_files_give_the_same_bytes(tmp_path, pairs):
    files = [tmp_path / "reports/tables/claims.csv", tmp_path / "reports/tables/claims.md"]
    write_claims(tmp_path, pairs, ["cost"])
    first = [file.read_bytes() for file in files]
    write_claims(tmp_path, pairs, ["cost"])
    assert [file.read_bytes() for file in files] == first


def test_words_for_people(tmp_path, pairs):
    found = write_claims(tmp_path, pairs, ["cost"])
    text = markdown(found)
    assert text.count("\n## ") == found.loc[found["verdict"] != "not run", "number"].nunique()
    assert "SAMO improves LS, MGDA and FairGrad across datasets" in text
    assert f"{len(places(found))} comparisons were run" in text
    row = {"effect": -0.4, "low": -1.2, "high": 0.381, "unit": "Δm points"}
    assert effect(row) == "−0.40 (−1.20 … 0.38) Δm points"
    assert effect(row | {"effect": float("nan")}) == "—"


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("number", [None, 5, 18])
def test_the_screen(tmp_path, pairs, width, number, capsys):
    write_claims(tmp_path, pairs, ["cost"])
    show(tmp_path, number, Console(width=width))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "supported" in text if number in (None, 5) else "not run" in text
    if number is None:
        assert all(any(line.strip().startswith(f"{n} ") for line in lines) for n in range(1, 29))


def test_what_a_person_can_mend_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="make repro"):
        show(tmp_path)
    with pytest.raises(ValueError, match="claim 99: there are 1 to 28"):
        show(tmp_path, 99)


def test_a_cell_writes_what_tells_methods_apart(study):
    from samo.study.runs.cell import train_cell

    train_cell("multimnist", "samo-ls")
    run = read_runs(study, "multimnist", ["samo-ls"])["samo-ls"]
    assert run is not None
    found = pd.DataFrame(rows(run))
    assert run["options"] == {}
    assert isinstance(found["fields"].iloc[0], dict)
    assert set(found["aggregator"]) == {"ls"}
