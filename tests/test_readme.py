"""README and findings say what the committed runs found: here of the first, computed anew from committed tables.

Of the second: `tests/test_second_run.py`. The pilot's numbers cannot be: it shipped no tables.
"""

import re
from collections.abc import Iterable
from functools import cache

import numpy as np
import pandas as pd
import pytest

from samo.claims.effects import of_seeds
from samo.study.report.reference import Reference, parse
from tests.said import FINDINGS, FIRST, README, ROOT, Told, committed, says, short, table, told

FAMILY = ("multimnist", "multifashion", "multifashionmnist")
BASES = ("ls", "mgda", "fairgrad")
MARGIN = 0.5
PUBLISHED = "data/reference/published_results.csv"


@cache
def run() -> Reference:
    """The reference run, as it was committed."""
    return parse(committed("data/reference/study/run.jsonl"))


def gain(dataset: str, base: str, method: str) -> pd.Series:
    """By how much Delta-m falls from the base to the method, by seed."""
    found = run().evidence.delta_m[dataset]
    return found[base] - found[method]


def flattening(dataset: str, first: str, second: str) -> pd.Series:
    """The logarithm of the first method's largest eigenvalue over the second's, by seed; a mean over several draws."""
    rows = run().frames["curvature"].query("measure == 'lambda_max' and task == 'all'").astype({"value": float})
    logs = rows.assign(log=np.log(rows["value"])).groupby(["dataset", "method", "seed"])["log"].mean()
    found: pd.Series = logs[dataset, first] - logs[dataset, second]
    return found


def pooled(differences: Iterable[pd.Series], level: float, *, ratio: bool = False) -> Told:
    """The mean over conditions and seeds, with Student's interval over the seeds' means.

    Seeds are the units, since conditions share their bases and their single-task runs.
    """
    means = pd.concat(differences, axis=1).mean(axis=1, skipna=False)
    return told(of_seeds(np.exp(means) if ratio else means, ratio), level)


def repeated(found: Told) -> None:
    """Study and report give the same interval."""
    for path in ("docs/first-run.md", "notebooks/report.ipynb"):
        says((ROOT / path).read_text(), found.limits)


def claim(number: int, **where: str) -> pd.DataFrame:
    """The comparisons of a claim that were run."""
    found = table("data/reference/study/claims.csv").set_index("number").loc[[number]]
    for column, value in where.items():
        found = found[found[column] == value]
    found = found[~found["dataset"].isin(["all", "pooled"]) & ~found["verdict"].isin(["not run", "not testable"])]
    return found.astype({"effect": float, "high": float})


@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        ("", "SAMO gains {} (90 % interval {} to {})"),
        ("placebo-", "SAMO gains {} (90 % interval {} to {}, {} conditions pooled)"),
    ],
)
def test_gains_of_samo_over_its_base_and_its_placebo_are_equivalent_to_none(over, sentence):
    ran = run().evidence.delta_m
    places = [(d, over + base, f"samo-{base}") for d in FAMILY for base in BASES if over + base in ran[d]]
    found = pooled([gain(*place) for place in places], 0.9)
    assert found.within(MARGIN)
    says(FINDINGS, sentence, *map(short, found), len(places))
    repeated(found)
    if not over:
        says(README, f"{sentence} over its base: equivalent within {MARGIN} points", *map(short, found))
        says(FINDINGS, "within {} points", MARGIN)
        says(FINDINGS, "(LS, MGDA and FairGrad on three datasets, {} conditions pooled)", len(places))


def test_samo_and_placebo_ran_at_settings_of_their_own():
    pairs = [(of[f"samo-{b}"], of[f"placebo-{b}"]) for of in run().runs.values() for b in BASES if f"placebo-{b}" in of]
    differ = sum(ours["search"]["chosen"] != theirs["search"]["chosen"] for ours, theirs in pairs)
    says(FINDINGS, "in {} of {} pairs learning rate, rho or alpha differ", differ, len(pairs))


def test_fairgrad_is_ahead_of_ls():
    found = pooled([gain(dataset, "ls", "fairgrad") for dataset in FAMILY], 0.95)
    words = "| gain of FairGrad over LS, Multi-MNIST family | 3 | 10 | {} | 95 %: {} |"
    says(FIRST, words, short(found.mean), found.limits)


def test_how_far_from_convergence():
    last = run().evidence.last.runs.query("dataset == 'multimnist' and metric == 'accuracy'")
    mean = last.groupby("method")["value"].mean()
    printed = table(PUBLISHED).set_index(["dataset", "method", "metric"])["value"]
    says(FINDINGS, "STL has {:.1f} % accuracy and LS {:.1f} %.", mean["stl"], mean["ls"])
    papers = float(printed["MultiMNIST", "STL", "acc average"].item())
    says(README, "the papers' STL has {:.1f} %, with a larger network and six times the data", papers)


def test_the_gains_that_fmtl_reports_are_those_it_printed():
    rows = table(PUBLISHED).query("table == 'Table 1'").astype({"value": float})
    rows = rows[rows["dataset"].str.startswith("Multi") & rows["metric"].str.startswith("acc task")]
    printed = rows.pivot_table("value", ["dataset", "metric"], "method")
    pairs = {name: name.removeprefix("F-") for name in map(str, printed) if name.startswith("F-")}
    gains = pd.DataFrame({ours: 100 * (printed[ours] - printed[base]) / printed["STL"] for ours, base in pairs.items()})
    means = gains.groupby("dataset").mean()
    assert len(means) == len(FAMILY)
    says(FINDINGS, "report gains of {:.1f} to {:.1f} there.", means.min().min(), means.max().max())


def test_curvature_of_the_base_over_gsam():
    places = [("multimnist", base) for base in BASES]
    places += [(dataset, "ls") for dataset in ("multifashion", "multifashionmnist", "scenes", "qm9")]
    found = pooled([flattening(d, base, f"gsam-{base}") for d, base in places], 0.9, ratio=True)
    assert found.low > 1
    words = "| λ_max of the base over that of G-SAM | {} | 5 | {} | 90 %: {} |"
    says(FIRST, words, len(places), short(found.mean), found.limits)
    repeated(found)


@pytest.mark.parametrize(("method", "name"), [("lookback", "look-back"), ("msam", "momentum")])
def test_curvature_of_the_free_perturbations(method, name):
    found = pooled([flattening("multimnist", f"{method}-{b}", b) for b in BASES], 0.95, ratio=True)
    words = "| λ_max of {} SAM over its base, Multi-MNIST | 3 | 5 | {} | 95 %: {} |"
    says(FIRST, words, name, short(found.mean), found.limits)
    assert (found.low > 1) == (method == "lookback")


def test_costs():
    counted = run().frames["cost"].set_index(["dataset", "method"])["count_ratio"]
    for dataset, tasks in (("multimnist", 2), ("scenes", 3), ("qm9", 11)):
        assert counted[dataset, "samo-ls"] == pytest.approx((3 + 5 * tasks) / 3, abs=1e-4)
        assert counted[dataset, "gsam-ls"] == 2
    says(FINDINGS, "takes 3 + 5K units (forward pass 1, backward pass 2); LS takes 3, G-SAM 6.")
    samo, gsam = counted["multimnist", "samo-ls"], counted["multimnist", "gsam-ls"]
    says(README, "It takes {:.1f} times the passes.", samo)
    says(FINDINGS, "At K = 2 that is {:.2f} times G-SAM", samo / gsam)
    measured = claim(6, case="SAMO over G-SAM").set_index("dataset")["effect"]
    few = measured.drop("qm9")
    says(FINDINGS, "Measured: {:.1f} to {:.1f} times G-SAM with two or three tasks", few.min(), few.max())
    says(FINDINGS, "{:.1f} times with eleven", measured["qm9"])


def test_what_the_probe_knows():
    found = claim(25)
    words = "cosine of {:.2f} to {:.2f} with the task's gradient (one seed on each dataset)"
    says(FINDINGS, words, found["effect"].min(), found["effect"].max())
    assert found["why"].str.contains("samo-ls, seed 0").all()


def test_fmtl_breaks_down_with_fairgrad():
    [row] = claim(11, dataset="multimnist", base="fairgrad").to_dict("records")
    assert row["high"] < 0
    says(FINDINGS, "is {:.0f} points worse than FairGrad alone on Multi-MNIST", -row["effect"])


def test_how_often_rho_is_the_smallest():
    searches = {dataset: [one["search"] for one in methods.values()] for dataset, methods in run().runs.items()}
    smallest = min(trial["rho"] for of in searches.values() for one in of for trial in one["trials"] if trial["rho"])
    chosen = [one["chosen"]["rho"] for one in searches["multimnist"] if one["chosen"]["rho"] is not None]
    words = "{} of {} choices of rho on Multi-MNIST are the smallest in the grid"
    says(FIRST, words, chosen.count(smallest), len(chosen))
    says(README, "half of the rhos chosen on Multi-MNIST were the smallest tried")
    assert 2 * chosen.count(smallest) == len(chosen)


def test_what_is_said_of_the_laptop_is_in_its_table():
    lines = committed("reports/tables/multimnist.md").splitlines()
    [ls] = [line.split("|")[2] for line in lines if line.startswith("| ls (LS) |")]
    says(README, "In the run that is shown here it has {}.", ls.split()[0])


def test_the_conditions_of_the_reference_run_are_as_many_as_said():
    says(FINDINGS, "has {} conditions", sum(map(len, run().runs.values())))


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)#]+)\)", re.sub(r"```.*?```", "", README)))
def test_every_file_that_it_links_is_there(path):
    committed(path)
    assert (ROOT / path).exists()


def test_every_command_of_make_that_it_names_exists():
    readme, makefile = ((ROOT / name).read_text() for name in ("README.md", "Makefile"))
    for target in re.findall(r"(?:`|^)make ([a-z]+)", readme, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
