"""The README shows what the committed run found."""

import csv
import io
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def committed(path: str) -> str:
    """A file as it was committed: a run at hand may have made it anew with other numbers."""
    done = subprocess.run(
        ["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        pytest.skip("not a git checkout with a committed run")
    return done.stdout


def test_the_table_is_that_of_the_committed_run():
    assert committed("reports/tables/multimnist.md").strip() in README


def test_the_verdicts_are_those_of_the_committed_run():
    rows = csv.DictReader(io.StringIO(committed("reports/tables/claims.csv")))
    found = Counter(row["verdict"] for row in rows if row["dataset"] == "all")
    assert "supported" not in found
    said = (
        f"Of {found.total()} claims, this run contradicts {found['contradicted']}, "
        f"leaves {found['undecided']} undecided and does not hold the cells for {found['not run']}"
    )
    assert said in README


@pytest.fixture(scope="module")
def study():
    """The comparisons of the reference run, by claim, and the verdicts on the whole of each."""
    rows = list(csv.DictReader(io.StringIO(committed("data/reference/study/claims.csv"))))
    whole = {row["number"]: row["verdict"] for row in rows if row["dataset"] == "all"}
    ran = [row for row in rows if row["dataset"] != "all" and row["verdict"] != "not run"]
    return whole, {number: [row for row in ran if row["number"] == number] for number in whole}


def test_the_verdicts_of_the_reference_run_are_those_that_are_shipped(study):
    found = Counter(study[0].values())
    assert found["supported"] == 0
    said = (
        f"Of {found.total()} claims it contradicts {found['contradicted']}, leaves {found['undecided']} undecided and "
        f"does not hold the cells for {found['not run']}. It supports none."
    )
    assert said in " ".join(README.split())


def test_what_is_said_of_the_reference_run_is_what_it_found(study):
    whole, of = study
    said = " ".join(README.split())

    def span(rows):
        values = [float(row["effect"]) for row in rows]
        return min(values), max(values)

    assert {row["verdict"] for row in of["5"]} == {row["verdict"] for row in of["21"]} == {"undecided"}
    assert f"In none of {len(of['5'])} comparisons (LS, MGDA and FairGrad on five datasets)" in said
    assert f"in any of {len(of['21'])}. The probe's estimate has a cosine of " in said
    assert "cosine of {:.2f} to {:.2f} with".format(*span(of["8"])) in said
    samo = [row for row in of["6"] if row["case"] == "SAMO"]
    few, many = ([row for row in samo if (row["dataset"] == "qm9") == eleven] for eleven in (False, True))
    assert "takes {:.1f} to {:.1f} times as long as G-SAM's".format(*span(few)) in said
    assert f"and {float(many[0]['effect']):.0f} times with eleven" in said
    free = [row for row in of["23"] if row["case"] == "as good"]
    assert all(float(row["low"]) > 0 for row in free)
    assert "is {:.1f} to {:.1f} points ahead of SAMO on each of LS, MGDA and FairGrad".format(*span(free)) in said
    last = [row for row in of["12"] if row["case"] == "F-MTL: last epoch" and row["verdict"] == "contradicted"]
    share = tuple(round(100 * value) for value in span(last))
    assert "{} to {} % of mini-batches have them".format(*share) in said
    assert len(last) == 7
    assert all(whole[number] == "contradicted" for number in ("11", "12", "13", "14", "16"))
    flatter = Counter(row["verdict"] for row in of["2"])
    assert f"none of {len(of['1'])} comparisons tells" in said
    assert {row["verdict"] for row in of["1"]} == {"undecided"}
    assert f"({flatter['supported']} of {flatter.total()} does: it did)" in said


def test_gains_over_a_base_are_those_of_the_shipped_table():
    rows = list(csv.DictReader(io.StringIO(committed("data/reference/study/table-multimnist.csv"))))
    rated = [row for row in rows if row["gain"]]
    better = {row["method"]: float(row["gain"]) for row in rated if float(row["gain_high"]) < 0}
    said = " ".join(README.split())
    words = {"msam-ls": "momentum SAM {} on LS", "msam-fairgrad": "{} on FairGrad; look-back"}
    words |= {"lookback-mgda": "look-back {} on MGDA", "lookback-fairgrad": "{} on FairGrad; G-SAM"}
    words |= {"gsam-ls": "G-SAM {} on LS)"}
    assert set(better) == set(words)
    assert all(words[method].format(f"{-gain:.2f}") in said for method, gain in better.items())
    assert f"of {len(rated)} comparisons, where chance would make one or two" in said


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_file_that_it_links_is_there(path):
    committed(path)
    assert (ROOT / path).exists()


def test_every_command_of_make_that_it_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|^)make ([a-z]+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
