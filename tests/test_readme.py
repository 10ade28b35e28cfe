"""The README says what the committed runs found: every number of ours in it is computed anew from committed tables.

The pilot's numbers cannot be: it shipped no tables, and the README says what it can bear.
"""

import csv
import io
import json
import math
import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from samo import claims as rules
from samo.claims import contrast
from samo.claims.effects import Effect
from samo.claims.effects import pooled as pool
from samo.claims.evidence import COSINE, LAMBDA_MAX, Evidence, Kind
from samo.study import config
from samo.study.ladder.assemble import shipped
from samo.study.ladder.plan import read, trainings
from samo.study.ladder.run import PROFILE
from samo.study.report.reference import Reference, parse

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SAID = " ".join(README.split())
FAMILY = ("multimnist", "multifashion", "multifashionmnist")
BASES = ("ls", "mgda", "fairgrad")
MARGIN = 0.5

FIRST = " ".join((ROOT / "docs/first-run.md").read_text().split())
LONGEST = 10_000
"""Updates of the second run's trainings that the README speaks of."""
FEW = 8000
"""Those of its trainings on few data."""

ALSO = [(ROOT / path).read_text() for path in ("docs/first-run.md", "notebooks/report.ipynb")]
"""What repeats the pooled effects of the README."""

Seeds = dict[str, float]
"""A value by seed."""


def committed(path: str) -> str:
    """A file as it was committed: a run at hand may have made it anew with other numbers."""
    done = subprocess.run(
        ["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        pytest.skip("not a git checkout with a committed run")
    return done.stdout


@cache
def reference() -> Reference:
    """The reference run, as it was committed."""
    return parse(committed("data/reference/study/run.jsonl"))


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows; seeds are text, as in a metrics.json."""
    found: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    return [row | ({"seed": str(row["seed"])} if "seed" in row else {}) for row in found]


def short(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def worded(mean: float, low: float, high: float) -> str:
    """An interval as the README has it."""
    return f"{short(mean)} ({short(low)} to {short(high)})"


def pooled(differences: Sequence[Seeds], level: float) -> tuple[float, float, float]:
    """The mean over conditions and seeds, with Student's interval over the seeds' means.

    Seeds are the units, since conditions share their bases and their single-task runs.
    """
    means = [fmean(one[seed] for one in differences) for seed in differences[0]]
    assert all(one.keys() == differences[0].keys() for one in differences)
    half = stats.t.ppf((1 + level) / 2, len(means) - 1) * stdev(means) / math.sqrt(len(means))
    return fmean(means), fmean(means) - half, fmean(means) + half


def repeated(low: float, high: float) -> bool:
    """Whether study and report give the same interval."""
    return all(f"{short(low)} to {short(high)}" in text for text in ALSO)


def minus(first: Seeds, second: Seeds) -> Seeds:
    return {seed: first[seed] - second[seed] for seed in first}


@pytest.fixture(scope="module")
def delta_m() -> Callable[[str, str], Seeds]:
    """Delta-m of each seed against the mean of the single-task runs, by dataset and method."""
    values: dict[tuple[str, str], dict[tuple[str, str, bool], Seeds]] = defaultdict(lambda: defaultdict(dict))
    for row in rows(reference().evidence.runs):
        if not row["variant"]:
            metric = (row["task"], row["metric"], row["higher_is_better"])
            values[row["dataset"], row["method"]][metric][row["seed"]] = row["value"]

    def of(dataset: str, method: str) -> Seeds:
        losses: dict[str, list[float]] = defaultdict(list)
        for metric, seeds in values[dataset, method].items():
            base = fmean(values[dataset, "stl"][metric].values())
            for seed, value in seeds.items():
                losses[seed].append(100 * (value - base) / base * (-1 if metric[-1] else 1))
        return {seed: fmean(found) for seed, found in losses.items()}

    return of


@pytest.fixture(scope="module")
def lambda_max() -> Callable[[str, str], Seeds]:
    """The logarithm of each seed's largest eigenvalue, by dataset and method; a mean where several draws were taken."""
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows(reference().frames["curvature"]):
        if row["measure"] == "lambda_max" and row["task"] == "all":
            values[row["dataset"], row["method"]][row["seed"]].append(math.log(row["value"]))
    return lambda dataset, method: {seed: fmean(found) for seed, found in values[dataset, method].items()}


@pytest.fixture(scope="module")
def ran() -> dict[str, dict[str, dict[str, Any]]]:
    """The main tables' rows by dataset and method."""
    found = {d: rows(reference().main(d).astype(object).fillna("")) for d in (*FAMILY, "scenes", "qm9")}
    return {d: {row["method"]: row for row in of} for d, of in found.items()}


@pytest.fixture(scope="module")
def claims() -> dict[str, list[dict[str, str]]]:
    """The comparisons of the reference run that were run, by claim."""
    found = defaultdict(list)
    for row in csv.DictReader(io.StringIO(committed("data/reference/study/claims.csv"))):
        if row["dataset"] not in ("all", "pooled") and row["verdict"] not in ("not run", "not testable"):
            found[row["number"]].append(row)
    return found


def span(rows: Sequence[dict[str, str]], column: str = "effect") -> tuple[float, float]:
    values = [float(row[column]) for row in rows]
    return min(values), max(values)


def test_gains_of_samo_over_its_base_are_equivalent_to_none(delta_m):
    pairs = [minus(delta_m(d, base), delta_m(d, f"samo-{base}")) for d in FAMILY for base in BASES]
    mean, low, high = pooled(pairs, 0.9)
    assert -MARGIN < low < high < MARGIN
    assert f"within {MARGIN} points" in SAID
    assert f"(LS, MGDA and FairGrad on three datasets, {len(pairs)} conditions pooled)" in SAID
    assert f"SAMO gains {short(mean)} (90 % interval {short(low)} to {short(high)})" in SAID
    assert repeated(low, high)


def test_gains_of_samo_over_its_placebo_are_equivalent_to_none(delta_m, ran):
    places = [(d, base) for d in FAMILY for base in BASES if f"placebo-{base}" in ran[d]]
    pairs = [minus(delta_m(d, f"placebo-{base}"), delta_m(d, f"samo-{base}")) for d, base in places]
    mean, low, high = pooled(pairs, 0.9)
    assert -MARGIN < low < high < MARGIN
    said = f"SAMO gains {short(mean)} (90 % interval {short(low)} to {short(high)}, {len(pairs)} conditions pooled)"
    assert said in SAID
    assert repeated(low, high)


def test_samo_and_placebo_ran_at_settings_of_their_own(ran):
    pairs = [
        (rows[f"samo-{b}"], rows[f"placebo-{b}"]) for rows in ran.values() for b in BASES if f"placebo-{b}" in rows
    ]
    differ = sum(any(ours[name] != theirs[name] for name in ("lr", "rho", "alpha")) for ours, theirs in pairs)
    assert f"in {differ} of {len(pairs)} pairs learning rate, rho or alpha differ" in SAID


def test_fairgrad_is_ahead_of_ls(delta_m):
    mean, low, high = pooled([minus(delta_m(d, "ls"), delta_m(d, "fairgrad")) for d in FAMILY], 0.95)
    said = "gain of FairGrad over LS, Multi-MNIST family | 3 | 10"
    assert f"| {said} | {short(mean)} | 95 %: {short(low)} to {short(high)} |" in FIRST


def test_how_far_from_convergence(ran):
    rows = ran["multimnist"]
    stl, ls = (fmean(float(rows[m][f"{side} accuracy"]) for side in ("left", "right")) for m in ("stl", "ls"))
    printed = [
        float(row["value"])
        for row in csv.DictReader(io.StringIO(committed("data/reference/published_results.csv")))
        if (row["dataset"], row["method"], row["metric"]) == ("MultiMNIST", "STL", "acc average")
    ]
    assert f"STL has {stl:.1f} % accuracy and LS {ls:.1f} %." in SAID
    assert f"the papers' STL has {printed[0]:.1f} %, with a larger network and six times the data" in SAID


def test_the_gains_that_fmtl_reports_are_those_it_printed():
    printed: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for row in csv.DictReader(io.StringIO(committed("data/reference/published_results.csv"))):
        if row["table"] == "Table 1" and row["dataset"].startswith("Multi") and row["metric"].startswith("acc task"):
            printed[row["dataset"], row["method"]][row["metric"]] = float(row["value"])
    gains = [
        fmean(
            100 * (value - printed[dataset, method[2:]][task]) / printed[dataset, "STL"][task]
            for task, value in of.items()
        )
        for (dataset, method), of in printed.items()
        if method.startswith("F-")
    ]
    assert len({dataset for dataset, _ in printed}) == len(FAMILY)
    assert f"report gains of {min(gains):.1f} to {max(gains):.1f} there." in SAID


def test_curvature_of_the_base_over_gsam(lambda_max):
    places = [("multimnist", base) for base in BASES]
    places += [(d, "ls") for d in ("multifashion", "multifashionmnist", "scenes", "qm9")]
    pairs = [minus(lambda_max(d, base), lambda_max(d, f"gsam-{base}")) for d, base in places]
    mean, low, high = map(math.exp, pooled(pairs, 0.9))
    assert low > 1
    assert (
        f"| λ_max of the base over that of G-SAM | {len(pairs)} | 5 | {mean:.2f} | 90 %: {low:.2f} to {high:.2f} |"
        in FIRST
    )
    assert repeated(low, high)


def test_curvature_of_the_free_perturbations(lambda_max):
    for method, words in (
        ("lookback", "| λ_max of look-back SAM over its base, Multi-MNIST | 3 | 5 | {} | 95 %: {} to {} |"),
        ("msam", "| λ_max of momentum SAM over its base, Multi-MNIST | 3 | 5 | {} | 95 %: {} to {} |"),
    ):
        pairs = [minus(lambda_max("multimnist", f"{method}-{b}"), lambda_max("multimnist", b)) for b in BASES]
        found = [math.exp(value) for value in pooled(pairs, 0.95)]
        assert words.format(*(f"{value:.2f}" for value in found)) in FIRST
        assert (found[1] > 1) == (method == "lookback")


def test_costs(claims):
    counted = {(row["dataset"], row["method"]): row["count_ratio"] for row in rows(reference().frames["cost"])}
    for dataset, tasks in (("multimnist", 2), ("scenes", 3), ("qm9", 11)):
        assert counted[dataset, "samo-ls"] == pytest.approx((3 + 5 * tasks) / 3, abs=1e-4)
        assert counted[dataset, "gsam-ls"] == 2
    assert "takes 3 + 5K units (forward pass 1, backward pass 2); LS takes 3, G-SAM 6." in SAID
    two, eleven = counted["multimnist", "samo-ls"], counted["qm9", "samo-ls"]
    assert f"for {two:.1f} times the passes" in SAID
    assert eleven == pytest.approx(58 / 3, abs=1e-4)
    assert f"At K = 2 that is {two / counted['multimnist', 'gsam-ls']:.2f} times G-SAM" in SAID
    measured = [row for row in claims["6"] if row["case"] == "SAMO over G-SAM"]
    few, many = ([row for row in measured if (row["dataset"] == "qm9") == eleven] for eleven in (False, True))
    assert "Measured: {:.1f} to {:.1f} times G-SAM with two or three tasks".format(*span(few)) in SAID
    assert f"{float(many[0]['effect']):.1f} times with eleven" in SAID


def test_what_the_probe_knows(claims):
    low, high = span(claims["25"])
    assert f"cosine of {low:.2f} to {high:.2f} with the task's gradient (one seed on each dataset)" in SAID
    assert all("samo-ls, seed 0" in row["why"] for row in claims["25"])


def test_fmtl_breaks_down_with_fairgrad(claims):
    [row] = [row for row in claims["11"] if (row["dataset"], row["base"]) == ("multimnist", "fairgrad")]
    assert float(row["high"]) < 0
    assert f"is {-float(row['effect']):.0f} points worse than FairGrad alone" in SAID


def test_how_often_rho_is_the_smallest():
    runs = reference().runs
    chosen = [run["search"]["chosen"]["rho"] for run in runs["multimnist"].values()]
    chosen = [rho for rho in chosen if rho is not None]
    tried = [t["rho"] for methods in runs.values() for run in methods.values() for t in run["search"]["trials"]]
    smallest = min(rho for rho in tried if rho is not None)
    assert (
        f"{chosen.count(smallest)} of {len(chosen)} choices of rho on Multi-MNIST are the smallest in the grid" in FIRST
    )


@cache
def second() -> dict[tuple[str, int], dict[str, dict[str, Any]]]:
    """The second run's trainings by method and budget, then by seed, as committed; `FEW` updates are on few data."""
    found: dict[tuple[str, int], dict[str, dict[str, Any]]] = defaultdict(dict)
    for line in committed("data/reference/ladder/run.jsonl").splitlines():
        row = json.loads(line)
        if row["table"] == "training":
            found[row["method"], row["updates"]][str(row["seed"])] = row
    return found


def tasks_of(method: str, metric: str, updates: int = LONGEST) -> dict[str, list[float]]:
    return {s: [task[metric] for task in row["values"].values()] for s, row in second()[method, updates].items()}


def interval(differences: Seeds, level: float = 0.95, of: Callable[[float], float] = float) -> str:
    """The mean with its interval as the README has it: "x (low to high)"."""
    return worded(*map(of, pooled([differences], level)))


def gain(method: str, base: str = "ls", level: float = 0.95, updates: int = LONGEST) -> str:
    """By how much Delta-m falls from the base to the method, paired by seed."""
    single = [fmean(one) for one in zip(*tasks_of("stl", "accuracy", updates).values(), strict=True)]

    def delta(name: str) -> Seeds:
        return {
            seed: fmean(100 * (own - value) / own for own, value in zip(single, values, strict=True))
            for seed, values in tasks_of(name, "accuracy", updates).items()
        }

    ours, theirs = delta(method), delta(base)
    return interval({seed: theirs[seed] - ours[seed] for seed in ours.keys() & theirs.keys()}, level)


def quotient(method: str, metric: str, updates: int = LONGEST, base: tuple[str, int] | None = None) -> str:
    """How many times LS's loss or calibration error a method's is: geometric means over tasks, paired by seed."""
    pair = (method, updates), base or ("ls", updates)
    logs = [{s: fmean(map(math.log, v)) for s, v in tasks_of(m, metric, n).items()} for m, n in pair]
    both = logs[0].keys() & logs[1].keys()
    return interval({seed: logs[0][seed] - logs[1][seed] for seed in both}, of=math.exp)


def validation(method: str, updates: int, metric: str, seeds: int = 9) -> list[float]:
    """At the end of training, of every task and of the first so many seeds."""
    rows = [row for seed, row in second()[method, updates].items() if int(seed) < seeds]
    return [h[4] for row in rows for h in row["history"] if h[:2] == [updates, "val"] and h[3] == metric]


def accuracy(method: str, updates: int = LONGEST) -> str:
    return f"{fmean(x for values in tasks_of(method, 'accuracy', updates).values() for x in values):.1f} %"


METHODS = {
    "gsam-ls-rho005": "LS + G-SAM, rho 0.05 | 2.0",
    "placebo-ls-rho005": "LS + placebo, rho 0.05 | 3.0",
    "samo-ls-rho005": "LS + SAMO, rho 0.05 | 4.3",
    "remembered-ls-rho005": "LS + SAMO, remembered, rho 0.05 | 3.0",
    "gsam-ls-rho02": "LS + G-SAM, rho 0.2 | 2.0",
    "placebo-ls-rho02": "LS + placebo, rho 0.2 | 3.0",
    "samo-ls-rho02": "LS + SAMO, rho 0.2 | 4.3",
    "nadam-ls": "LS + NAdam, no sharpness | 1.0",
    "msam-ls": "LS + M-SAM, rho searched | 1.0",
}
"""Name and compute of the second run's methods in the README's table."""


def test_the_second_runs_table_is_that_of_its_rows():
    table = [line.split(" | ") for line in committed("data/reference/ladder/summary-multimnist.md").splitlines()[2:]]
    for method, named in METHODS.items():
        name, units = named.split(" | ")
        searched = second()[method, LONGEST]["0"]["chosen"].get("rho")
        [line] = [row for row in table if row[0] == f"| {name}".replace("rho searched", f"rho {searched}")]
        assert line[1] == units
        assert line[2] == str(len(second()[method, LONGEST].keys() & second()["ls", LONGEST].keys()))
        assert line[3:6] == [gain(method), quotient(method, "loss"), quotient(method, "calibration")]


def test_the_gains_by_budget_are_those_of_the_rows():
    head, _, *lines = README[README.index("| gain in Δm, points |") :].split("\n\n")[0].splitlines()
    budgets = [int(cell.split()[0].replace(",", "")) for cell in head.strip("| ").split(" | ")[2:]]
    assert budgets == [300, 1000, 3000, LONGEST]
    count = {(method, n): len(second().get((method, n), ())) for method in METHODS for n in budgets}
    cells = {key: gain(key[0], updates=key[1]) if many > 2 else "—" for key, many in count.items()}
    assert lines == [f"| {METHODS[m]} | {' | '.join(cells[m, n] for n in budgets)} |" for m in METHODS]
    chance = {key for key in count if any(min(one) < 50 for one in tasks_of(key[0], "accuracy", key[1]).values())}
    assert chance == {key for key, cell in cells.items() if float(cell.partition(" ")[0].replace("−", "-")) < -18}
    assert {method.rpartition("-")[2] for method, _ in chance} == {"rho02"}
    assert "At rho 0.2 the gains below −18 include seeds that stayed at chance" in SAID
    shown = [many for many in count.values() if many > 2]
    assert f"LS minus the method, seed by seed ({NUMBERS[min(shown)]} to {NUMBERS[max(shown)]})" in SAID


NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def judged(number: int) -> list[dict[str, str]]:
    """The rows of a claim in the second run's verdicts."""
    found = csv.DictReader(io.StringIO(committed("data/reference/ladder/claims.csv")))
    return [row for row in found if row["number"] == str(number)]


def verdict(number: int) -> str:
    [found] = [row["verdict"] for row in judged(number) if row["dataset"] == "all"]
    return found


def effect(row: dict[str, str]) -> str:
    """That of a comparison, as the README has it."""
    return worded(*(float(row[end]) for end in ("effect", "low", "high")))


@cache
def evidence() -> Evidence:
    """What the second run's claims are judged by."""
    return shipped(ROOT).evidence


def told(effect: Effect, level: float = 0.95) -> str:
    """An effect as the README has it."""
    return worded(*effect.interval(level)[:3])


def over_places(test: contrast.Test, case: str = "") -> Effect:
    """The effect of a comparison, pooled over its places as the claims do."""
    return pool([(c.dataset, c.effect) for c in test(evidence()) if c.effect and case in ("", c.case)])


def bought() -> list[str]:
    """Of claim 33, budget by budget."""
    return [effect(row) for row in judged(33) if row["dataset"] == "multimnist"]


def ends(said: str) -> tuple[float, float]:
    """The limits of "x (low to high)"."""
    low, high = said.replace("−", "-").partition("(")[2].rstrip(")").split(" to ")
    return float(low), float(high)


BUDGETS = (300, 1000, 3000, LONGEST)


def test_what_is_said_of_the_second_run():
    count = sum('"table":"training"' in line for line in committed("data/reference/ladder/run.jsonl").splitlines())
    params = config.load(ROOT / PROFILE)
    planned = len(list(trainings(read(ROOT, params), params)))
    assert f"{count} of its {planned} trainings are there" in SAID
    assert f"STL has {accuracy('stl')} accuracy and LS {accuracy('ls')}" in SAID
    samo = [gain("samo-ls-rho005", updates=n) for n in BUDGETS]
    assert all(ends(one)[1] < 0 for one in samo)
    sizes = sorted((one.partition(" (")[0][1:] for one in samo), key=float)
    assert (
        f"*loses* {sizes[0]} to {sizes[-1]} points of Δm against LS from 300 to 10,000 updates (radius rho 0.05)"
        in SAID
    )
    assert all(ends(gain("gsam-ls-rho005", updates=n))[0] < 0 for n in BUDGETS)  # nowhere a gain


def test_what_is_said_of_test_loss_and_calibration():
    for metric, words in (
        ("loss", "budget by budget, {}, {}, {} and {} times"),
        ("calibration", "is {}, {}, {} and {} times LS's"),
    ):
        assert words.format(*(quotient("samo-ls-rho005", metric, n) for n in BUDGETS)) in SAID
    assert [ends(quotient("samo-ls-rho005", "loss", n))[1] < 1 for n in BUDGETS] == [False, False, False, True]
    shorter = quotient("ls", "loss", 3000, ("samo-ls-rho02", LONGEST))
    assert ends(shorter)[1] < 1
    assert (
        f"LS after 3,000 updates has {shorter} times the loss of SAMO at rho 0.2 after 10,000, for a fourteenth" in SAID
    )
    assert round(LONGEST * 13 / 3 / 3000) == 14  # a step of SAMO takes 13 units, one of LS 3

    ls, samo, late = (
        fmean(map(math.log, validation(method, updates, "loss")))
        for method, updates in (("ls", 3000), ("samo-ls-rho02", LONGEST), ("ls", LONGEST))
    )
    assert ls < samo < late
    assert f"G-SAM has {quotient('gsam-ls-rho005', 'calibration', 3000)} times LS's calibration error" in SAID
    cost = gain("gsam-ls-rho005", updates=3000).partition(" ")[0].removeprefix("−")
    assert f"at twice the price and {cost} points" in SAID


def test_what_is_said_of_the_probe_and_of_what_costs_no_pass():
    sign = [gain("samo-ls-rho005", "placebo-ls-rho005", 0.9, n) for n in BUDGETS]
    said = "within 0.3 points at all rhos and rates is {}: over it SAMO gains {}, {}, {} and {} at rho"
    assert said.format(verdict(26), *sign) in SAID
    within = [low > -0.3 and high < 0.3 for low, high in map(ends, sign)]
    assert within == [False, False, True, True]
    assert "From 3,000 updates on no difference to a coin in its probe's place shows" in SAID
    assert f"and {gain('samo-ls-rho02', 'placebo-ls-rho02', 0.9)} at rho 0.2 after 10,000" in SAID
    rated = {
        rate: next(row for row in judged(26) if (row["dataset"], row["case"]) == ("pooled", f"rho 0.05, lr {rate}"))
        for rate in RATES[:2]
    }
    assert {row["verdict"] for row in rated.values()} == {"supported"}
    signs = [told(over_places(rules.get(26).comparisons, f"rho 0.05, lr {rate}"), 0.9) for rate in ("0.001", "0.002")]
    assert "At 0.001 and 0.002, pooled with few data, it does: {} and {}.".format(*signs) in SAID
    assert f"gain {gain('remembered-ls-rho005', 'placebo-ls-rho005', 0.9)} over the placebo after 10,000" in SAID
    free = [gain(method, updates=n) for method in ("msam-ls", "nadam-ls") for n in (300, LONGEST)]
    assert "Momentum SAM gains {} after 300 updates and {} after 10,000".format(*free) in SAID
    assert "plain NAdam {} and {}, all over LS at its searched rate".format(*free[2:]) in SAID
    assert ends(free[0])[0] > 0 < ends(free[2])[0]
    given = [gain(f"msam-ls-rho005{sign}", updates=n) for sign in ("", "-back") for n in (300, LONGEST)]
    assert "(at rho 0.05 {} and {}, with the other sign {} and {})".format(*given) in SAID
    assert f"Whether the gain is acceleration is {verdict(27)}." in SAID
    others = gain("lookback-ls"), gain("sgd-ls"), quotient("sgd-ls", "loss")
    said = "Look-back SAM gains {} after 10,000, SGD with momentum in Adam's place {}, with {} times the test loss."
    assert said.format(*others) in SAID
    assert f"LS at 0.002 gains {gain('ls-lr0002').partition(' ')[0]} there" in SAID


DOSE = (("gsam", "G-SAM"), ("samo", "SAMO"), ("placebo", "placebo"))
RATES = ("0.002", "0.001", "0.0005")
AT = {rate: f"-lr{rate.replace('.', '')}" for rate in RATES}
RATED = {
    **{f"ls{AT[rate]}": f"LS at {rate}" for rate in RATES},
    **{f"{name}-ls-rho005": f"{words}, rho 0.05" for name, words in DOSE},
    **{
        f"{name}-ls-rho005{AT[rate]}": f"{words}, rho 0.05, at {rate}"
        for rate in ("0.002", "0.001")
        for name, words in DOSE
    },
    **{f"{name}-ls-rho02": f"{words}, rho 0.2" for name, words in DOSE},
}
"""Rows of the table on learning rates in docs/study.md."""


def over_its_base(name: str, updates: int, level: float = 0.95) -> tuple[str, str]:
    """Gain and test loss over LS at the method's own rate; of LS itself, over LS at the searched one."""
    rate = name.partition("-lr")[2]
    base = f"ls-lr{rate}" if rate and not name.startswith("ls-") else "ls"
    return gain(name, base, level, updates), quotient(name, "loss", updates, (base, updates))


def test_what_is_said_of_learning_rates():
    study = (ROOT / "docs/study.md").read_text()
    for name, words in RATED.items():
        cells = [cell for updates in (FEW, LONGEST) for cell in over_its_base(name, updates)]
        assert f"| {words} | {' | '.join(cells)} |" in study
        assert min(len(second()[name, updates]) for updates in (FEW, LONGEST)) >= 4
    longest, few = over_its_base("ls-lr0002", LONGEST), over_its_base("ls-lr0002", FEW)
    said = "with it LS gains {} after 10,000 updates and {} on few data (40 epochs of 6,400 composites), with {} and {}"
    assert said.format(longest[0], few[0], longest[1], few[1]) in SAID
    found = {
        (name, rate): [over_its_base(f"{name}-ls-rho005{AT[rate]}", updates)[0] for updates in (LONGEST, FEW)]
        for name, _ in DOSE
        for rate in RATES[:2]
    }
    assert all(low < 0 < high for name, _ in DOSE for low, high in map(ends, found[name, "0.002"]))
    at_best = [one for name, _ in DOSE for one in found[name, "0.002"]]
    assert "Over that G-SAM gains {} and {}, SAMO {} and {}, the placebo {} and {}.".format(*at_best) in SAID
    kinds = [Kind(name, optimizer="lr 0.001") for name in ("none", *(name for name, _ in DOSE))]
    at_papers = [over_places(contrast.compare(kinds[0], kind)) for kind in kinds[1:]]
    said = "pooled over both, G-SAM gains {}, SAMO {}, the placebo {}: equivalent to none (90 % intervals within 0.5)"
    assert said.format(*map(told, at_papers)) in SAID
    for one in at_papers:
        low, high = ends(told(one, 0.9))
        assert -MARGIN < low < high < MARGIN
    gsam, samo = (found[name, "0.001"][1] for name in ("gsam", "samo"))
    assert ends(gsam)[0] > 0 < ends(samo)[0]
    assert f"though on few data G-SAM's {gsam} and SAMO's lie above 0." in SAID
    assert f"Whether they need an untuned base is {verdict(34)}." in SAID
    ahead = gain("ls-lr0002", "samo-ls-rho005-lr0001", updates=FEW)
    assert (
        f"On few data, at the papers' rate, it gains {samo}; LS at twice that rate is ahead of it by {ahead}." in SAID
    )
    at_rates = [f"{name}-ls-rho005{end}" for name, _ in DOSE for end in ("", AT["0.002"], AT["0.001"])]
    losses = [over_its_base(name, updates)[1] for name in at_rates for updates in (FEW, LONGEST)]
    assert all(ends(one)[1] < 1 for one in losses)
    sizes = sorted(float(one.partition(" ")[0]) for one in losses)
    least, most = (round(100 * (1 - size)) for size in (sizes[-1], sizes[0]))
    assert f"lowers the test loss, at rho 0.05 by {least} to {most} %; a lower rate does, too" in SAID
    assert all(ends(over_its_base(f"ls{AT[rate]}", n)[1])[1] < 1 for rate in RATES for n in (FEW, LONGEST))


def test_what_is_said_of_flatness_at_the_rate_that_suits_ls():
    names = [f"{name}-ls-rho005-lr0002" for name in ("gsam", "samo")]
    flatter = [
        contrast.difference(evidence(), data, "ls-lr0002", name, measure=LAMBDA_MAX)
        for data in ("multimnist", "multimnistpoor")
        for name in names
    ]
    found = [ends(told(one)) for one in flatter if one]
    assert len(found) == 4
    assert all(low > 1 for low, _ in found)
    sizes = sorted(round(float(told(one).partition(" ")[0])) for one in flatter if one)
    assert f"sharpness makes the minima {sizes[0]} to {sizes[-1]} times flatter, the network no more accurate" in SAID
    assert all(ends(over_its_base(name, n)[0])[0] < 0 for name in names for n in (FEW, LONGEST))
    study = " ".join((ROOT / "docs/study.md").read_text().split())
    times = [
        contrast.difference(evidence(), data, "ls-lr0001", "ls", measure=LAMBDA_MAX)
        for data in ("multimnist", "multimnistpoor")
    ]
    said = "LS at 0.001 has {} times the λ_max of LS at its searched rate, on few data {} times"
    assert said.format(*(told(one) for one in times if one)) in study
    assert all(ends(gain("ls-lr0001", updates=n))[1] > 0 for n in (FEW, LONGEST))


def test_what_the_rules_say_of_learning_rates():
    study = " ".join((ROOT / "docs/study.md").read_text().split())
    said = "STL has {} accuracy on few data and {} on all, LS {} and {}, at 0.002 {} and {}."
    assert said.format(*(accuracy(name, n) for name in ("stl", "ls", "ls-lr0002") for n in (FEW, LONGEST))) in study
    within = [
        ends(over_its_base(f"{name}-ls-rho005-lr0002", updates, 0.9)[0])
        for name in ("gsam", "samo")
        for updates in (LONGEST, FEW)
    ]
    assert [low > -MARGIN and high < MARGIN for low, high in within] == [True, True, True, False]
    limits = [f"{short(low)} to {short(high)}" for low, high in within]
    assert f"(90 % intervals {limits[0]} after 10,000 updates, {limits[1]} on few data)" in study
    assert f"({limits[2]}) but not on few data ({limits[3]}), where it is undecided" in study
    few, longest = (gain("ls-lr0002", "gsam-ls-rho005-lr0001", updates=updates) for updates in (FEW, LONGEST))
    assert f"is better than G-SAM at 0.001 by {few} and than SAMO by" in study
    assert f"and than SAMO by {gain('ls-lr0002', 'samo-ls-rho005-lr0001', updates=FEW)}" in study
    plain, gsam = (Kind(kind, optimizer="lr 0.001") for kind in ("none", "gsam"))
    pooled_gsam = told(over_places(contrast.compare(plain, gsam)))
    assert f"though G-SAM's {pooled_gsam} lies above 0" in study
    shorter = [quotient("ls", "loss", 3000, (f"{name}-ls-rho005-lr0001", LONGEST)) for name in ("gsam", "samo")]
    assert "it has {} times the loss of G-SAM and {} times that of SAMO.".format(*shorter) in study
    others = [gain(name, "ls-lr0002") for name in ("nadam-ls", "msam-ls", "msam-ls-rho005")]
    assert "NAdam gains {}, momentum SAM with rho searched {} and at rho 0.05 {}.".format(*others) in study
    block = [gain(name, updates=n) for name in ("lookback-ls", "sgd-ls", "nesterov-ls") for n in (3000, LONGEST)]
    said = (
        "look-back SAM gains {} after 3,000 updates and {} after 10,000, SGD with momentum {} and {}, with Nesterov's "
    )
    assert said.format(*block[:4]) + "{} and {};".format(*block[4:]) in study
    assert f"they are not told apart ({longest.replace(' (', ', ')}" in study


def test_the_best_rate_of_ls_is_that_of_validation_data():
    study = " ".join((ROOT / "docs/study.md").read_text().split())
    for updates, searched, said in (
        (
            FEW,
            0.00711,
            "on few data {} % accuracy on validation data beside {} at 0.001, {} at the searched 0.007 and {}",
        ),
        (LONGEST, 0.00533, "at the longest budget {} beside {} at the searched 0.005, {} at 0.001 and {} at 0.0005"),
    ):
        assert second()["ls", updates]["0"]["chosen"]["lr"] == searched
        found = {
            name: fmean(validation(name, updates, "accuracy", 4))
            for name in ("ls", *(f"ls{AT[rate]}" for rate in RATES))
        }
        order = sorted(found, key=lambda name: -found[name])
        lead = f"{found[order[0]] - found[order[1]]:.2f}"
        assert f"by 0.06 points, few data {lead};" in SAID if updates == FEW else f"by {lead} points, few data" in SAID
        assert order[0] == "ls-lr0002"
        assert said.format(*(f"{found[name]:.1f}" for name in order)) in study


OPEN = {
    "samo-ls-rho005-alpha0": "α 0: no mean gradient",
    "samo-ls-rho005-alpha03": "α 0.3",
    "samo-ls-rho005": "α 0.5: SAMO",
    "samo-ls-rho005-alpha07": "α 0.7",
    "gsam-ls-rho005": "α 1: G-SAM",
    "samo-ls-rho005-adaptive": "adaptive α",
    "samo-ls-rho05-asam": "ASAM's ball, rho 0.5",
    "samo-ls-rho005-guided": "guided probes",
    "samo-ls-rho005-every5": "every fifth step (LookSAM)",
    "remembered-ls-rho005": "remembered gradients",
    "placebo-ls-rho005": "a coin (the placebo)",
}
"""Name of a variant of SAMO in docs/study.md."""


def test_what_is_said_of_what_the_seeds_left_open():
    over = {name: gain(name, "samo-ls-rho005", updates=3000) for name in OPEN if name != "samo-ls-rho005"}
    plain = {name: gain(name, updates=3000) for name in OPEN}
    assert {len(second()[name, 3000]) for name in OPEN} == {5}
    said = "α gains {} over SAMO, ASAM's ball {}, guided probes {}, sharpness at every fifth step (LookSAM) {};"
    names = [f"samo-ls-{end}" for end in ("rho005-adaptive", "rho05-asam", "rho005-guided", "rho005-every5")]
    assert said.format(*(over[name] for name in names)) in SAID
    assert not [name for name, one in plain.items() if ends(one)[0] > 0]  # none beats LS
    alphas = [one for name, one in over.items() if OPEN[name].startswith("α")]
    assert all(low < 0 < high for low, high in map(ends, alphas))
    assert verdict(32) == "supported"
    study = (ROOT / "docs/study.md").read_text()
    rows = {cells[1].strip(): cells[3:5] for line in study.splitlines() if len(cells := line.split("|")) == 6}
    for name, spoken in OPEN.items():
        assert [cell.strip() for cell in rows[spoken]] == [plain[name], over.get(name, "")]
    assert f"loses {-float(over[names[3]].split()[0].replace('−', '-')):.1f} points to SAMO" in " ".join(study.split())


def test_what_is_said_of_compute_conflict_and_curvature():
    said = (
        "LS after 1,000 updates beats SAMO after 300 by {} points (Δm against STL after 10,000), "
        "LS after 3,000 SAMO after 1,000 by {}; LS after 10,000 and SAMO after 3,000 are level: {}."
    )
    assert said.format(*bought()) in SAID
    said = (
        "changes the mean cosine of task gradients by {} and divides λ_max by {}, on few data {} and {}; at 0.002 {}, "
    )
    data = ("multimnist", "multimnistpoor")
    lower = [
        contrast.difference(evidence(), one, *pair, measure=measure)
        for one in data
        for measure in (COSINE, LAMBDA_MAX)
        for pair in [("gsam-ls-rho005-lr0002", "ls-lr0002")[:: -1 if measure.ratio else 1]]
    ]
    at_lower = [told(one) for one in lower if one]
    found = [*(on(n, one, case) for one in data for n, case in FLAT), *at_lower]
    assert (said + "{}, {} and {}.").format(*found) in SAID
    less = [on(24, one, case) for case in ("flatter, less error", "flatter, less conflict") for one in data]
    said = "flatter goes with less error (rank correlation {}, few data {}), not with less conflict ({}, {})"
    assert said.format(*less) in SAID
    assert [ends(one)[0] > 0 for one in less] == [True, True, False, False]


FLAT = ((1, ""), (2, "lambda_max"))
"""Claims on what G-SAM does to the angle of gradients and to curvature, and their case."""


def on(number: int, dataset: str, case: str) -> str:
    """A claim's effect on one dataset."""
    [row] = [r for r in judged(number) if (r["dataset"], r["case"]) == (dataset, case)]
    return effect(row)


def test_what_is_said_of_the_laptop_is_in_its_table():
    rows = [line.split("|") for line in committed("reports/tables/multimnist.md").splitlines()]
    [ls] = [row[2].split()[0] for row in rows if row[1].strip() == "ls (LS)"]
    assert f"In the run that is shown here it has {ls}." in SAID


def test_the_conditions_of_the_reference_run_are_as_many_as_said():
    assert f"has {sum(map(len, reference().runs.values()))} conditions" in SAID


@pytest.mark.parametrize(
    "path", re.findall(r"\]\((?!http)([^)#]+)\)", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
)
def test_every_file_that_it_links_is_there(path):
    committed(path)
    assert (ROOT / path).exists()


def test_every_command_of_make_that_it_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|^)make ([a-z]+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
