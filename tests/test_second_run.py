"""What README, findings and study say of the second run: every number is computed anew from its committed rows."""

import json
import math
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from samo import claims
from samo.claims import contrast
from samo.claims.effects import Effect, of_seeds, pooled
from samo.claims.evidence import COSINE, LAMBDA_MAX, Kind, Measure
from samo.optim.sharpness import preset
from samo.results.tables import markdown
from samo.study import config
from samo.study.ladder import assemble, summary
from samo.study.ladder.plan import FOLDER, read, trainings
from samo.study.ladder.run import PROFILE
from samo.study.report import drawings
from samo.study.report.reference import Reference
from tests.said import FINDINGS, README, ROOT, STUDY, Told, committed, says, short, table, told

LONGEST, FEW = 10_000, 8000
"""Updates of the trainings on all data that the README speaks of most, and of those on few data."""
BUDGETS = (300, 1000, 3000, LONGEST)
DATA = ("multimnist", "multimnistpoor")
"""All data, and few."""
METHODS = {
    "gsam-ls-rho005": "LS + G-SAM, rho 0.05 | 2.0",
    "placebo-ls-rho005": "LS + placebo, rho 0.05 | 3.0",
    "samo-ls-rho005": "LS + SAMO, rho 0.05 | 4.3",
    "remembered-ls-rho005": "LS + SAMO, remembered, rho 0.05 | 3.0",
    "gsam-ls-rho02": "LS + G-SAM, rho 0.2 | 2.0",
    "placebo-ls-rho02": "LS + placebo, rho 0.2 | 3.0",
    "samo-ls-rho02": "LS + SAMO, rho 0.2 | 4.3",
    "msam-ls-rho005": "LS + M-SAM, rho 0.05 | 1.0",
    "nadam-ls": "LS + NAdam, no sharpness | 1.0",
    "msam-ls": "LS + M-SAM, rho searched | 1.0",
}
"""Name and compute of the second run's methods in the README's table."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
RATES = ("0.002", "0.001", "0.0005")
AT = {rate: f"-lr{rate.replace('.', '')}" for rate in RATES}
DOSE = {"gsam": "G-SAM", "samo": "SAMO", "placebo": "placebo"}
RATED = {
    **{f"ls{AT[rate]}": f"LS at {rate}" for rate in RATES},
    **{f"{name}-ls-rho005": f"{words}, rho 0.05" for name, words in DOSE.items()},
    **{
        f"{name}-ls-rho005{AT[rate]}": f"{words}, rho 0.05, at {rate}"
        for rate in ("0.002", "0.001")
        for name, words in DOSE.items()
    },
    **{f"{name}-ls-rho02": f"{words}, rho 0.2" for name, words in DOSE.items()},
}
"""Rows of the table on learning rates in docs/study.md."""
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


@cache
def rows() -> list[dict[str, Any]]:
    """The rows of the second run."""
    return [json.loads(line) for line in committed(f"{FOLDER}/run.jsonl").splitlines()]


@cache
def run() -> Reference:
    """The second run, as it was committed."""
    return assemble.reference(rows(), config.parse(committed(f"{FOLDER}/params.yaml")), FOLDER)


@cache
def values() -> pd.DataFrame:
    """Of every task, with accuracy, loss and calibration as metrics."""
    return run().evidence.runs.query("dataset in @DATA").astype({"value": float})


@cache
def by_seed(measure: str) -> pd.DataFrame:
    """A value by seed for each method and budget: Delta-m, or the tasks' mean, geometric unless of accuracies."""
    if measure == "delta_m":
        return run().budgets.query("dataset in @DATA").pivot_table("delta_m", "seed", ["method", "updates"])
    own = values().query("metric == @measure")
    if measure == "accuracy":
        return own.pivot_table("value", "seed", ["method", "updates"])
    logs = own.assign(value=np.log(own["value"]))
    return logs.pivot_table("value", "seed", ["method", "updates"]).map(math.exp)


def gain(method: str, base: str = "ls", level: float = 0.95, updates: int = LONGEST) -> Told:
    """By how much Delta-m falls from the base to the method, paired by seed."""
    found = by_seed("delta_m")
    return told(of_seeds((found[base, updates] - found[method, updates]).dropna()), level)


def quotient(method: str, metric: str, updates: int = LONGEST, base: tuple[str, int] | None = None) -> Told:
    """How many times LS's loss or calibration error a method's is, paired by seed."""
    found = by_seed(metric)
    return told(of_seeds((found[method, updates] / found[base or ("ls", updates)]).dropna(), ratio=True))


def fall(method: str) -> Told:
    """By how many points the accuracy falls from 3,000 updates to the longest budget, paired by seed."""
    found = by_seed("accuracy")[method]
    return told(of_seeds((found[3000] - found[LONGEST]).dropna()))


def over_its_base(name: str, updates: int, level: float = 0.95) -> tuple[Told, Told]:
    """Gain and test loss over LS at the method's own rate; of LS itself, over LS at the searched one."""
    rate = name.partition("-lr")[2]
    base = f"ls-lr{rate}" if rate and not name.startswith("ls-") else "ls"
    return gain(name, base, level, updates), quotient(name, "loss", updates, (base, updates))


def accuracy(method: str, updates: int = LONGEST) -> str:
    return f"{by_seed('accuracy')[method, updates].mean():.1f} %"


def validation(method: str, updates: int, metric: str, seeds: int = 9) -> pd.DataFrame:
    """At the end of training, of every task [seed, task] and of the first so many seeds."""
    found = [row for row in rows() if row["table"] == "training" and row["seed"] < seeds]
    own = {row["seed"]: row["history"] for row in found if (row["method"], row["updates"]) == (method, updates)}
    at_end = {seed: [h[4] for h in one if (*h[:2], h[3]) == (updates, "val", metric)] for seed, one in own.items()}
    return pd.DataFrame.from_dict(at_end, orient="index")


def judged(number: int, dataset: str, case: str = "") -> pd.DataFrame:
    """The rows of a claim in the second run's verdicts; all of a dataset's where no case is named."""
    found = table(f"{FOLDER}/claims.csv").query("number == @number and dataset == @dataset")
    return found.query("case == @case") if case else found


def verdict(number: int) -> str:
    return str(judged(number, "all")["verdict"].item())


def effects(number: int, dataset: str, case: str = "") -> list[Told]:
    """Those of a claim's comparisons."""
    found = judged(number, dataset, case)[["effect", "low", "high"]].astype(float).round(2)
    return [Told(*row) for row in found.itertuples(index=False)]


def over_places(test: contrast.Test, case: str = "") -> Effect:
    """The effect of a comparison, pooled over its places as the claims do."""
    return pooled([(c.dataset, c.effect) for c in test(run().evidence) if c.effect and case in ("", c.case)])


def between(dataset: str, first: str, second: str, measure: Measure) -> Told:
    """The difference of two methods, or their quotient."""
    found = contrast.difference(run().evidence, dataset, first, second, measure=measure)
    assert found
    return told(found)


def flatter(dataset: str, first: str, second: str) -> Told:
    """How many times the second method's λ_max the first's is."""
    return between(dataset, first, second, LAMBDA_MAX)


def test_the_second_runs_tables_are_those_of_its_rows():
    for dataset in DATA:
        assert markdown(summary.table(run(), dataset)) == committed(f"{FOLDER}/summary-{dataset}.md")
    [rho] = set(values().query("method == 'msam-ls' and updates == @LONGEST")["rho"])
    for named in METHODS.values():
        assert f"| {named} | ".replace("rho searched", f"rho {rho}") in committed(f"{FOLDER}/summary-multimnist.md")


def test_the_gains_by_budget_are_those_of_the_rows():
    readme = (ROOT / "README.md").read_text()
    head, _, *lines = readme[readme.index("| gain in Δm, points |") :].split("\n\n")[0].splitlines()
    assert head.endswith("| 300 updates | 1,000 | 3,000 | 10,000 |")
    seeds = by_seed("accuracy").count()
    count = {(method, n): seeds.get((method, n), 0) for method in METHODS for n in BUDGETS}
    cells = {(method, n): gain(method, updates=n) for (method, n), many in count.items() if many > 2}
    assert lines == [f"| {METHODS[m]} | {' | '.join(str(cells.get((m, n), '—')) for n in BUDGETS)} |" for m in METHODS]
    least = values().query("metric == 'accuracy'").groupby(["method", "updates"])["value"].min()
    chance = {key for key in count if least.get(key, 100) < 50}
    assert chance == {key for key, cell in cells.items() if cell.mean < -18}
    assert {method.rpartition("-")[2] for method, _ in chance} == {"rho02"}
    says(README, "At rho 0.2 the gains below −18 include seeds that stayed at chance")
    shown = [many for many in count.values() if many > 2]
    says(README, "LS minus the method, seed by seed ({} to {})", NUMBERS[min(shown)], NUMBERS[max(shown)])


def test_what_is_said_of_the_second_run():
    params = config.load(ROOT / PROFILE)
    planned, there = len(list(trainings(read(ROOT, params), params))), [row["table"] for row in rows()]
    says(README, "{} of its {} trainings are there", there.count("training"), planned)
    levels = accuracy("stl"), accuracy("ls"), accuracy("ls", 3000)
    says(README, "STL has {} accuracy and LS {} ({} after 3,000: the longest budget overfits)", *levels)
    assert fall("ls").low > 0
    samo = [gain("samo-ls-rho005", updates=n) for n in BUDGETS]
    assert all(one.high < 0 for one in samo)
    sizes = sorted(-one.mean for one in samo)
    said = "*loses* {} to {} points of Δm (per cent behind single-task networks) against LS from 300 to 10,000 updates"
    says(README, said, short(sizes[0]), short(sizes[-1]))
    assert all(gain("gsam-ls-rho005", updates=n).low < 0 for n in BUDGETS)  # nowhere a gain


def test_what_is_said_of_test_loss_and_calibration():
    loss, calibration = ([quotient("samo-ls-rho005", metric, n) for n in BUDGETS] for metric in ("loss", "calibration"))
    says(FINDINGS, "budget by budget, {}, {}, {} and {} times", *loss)
    gsam = [quotient("gsam-ls-rho005", "calibration", n) for n in BUDGETS]
    says(FINDINGS, "is {}, {}, {} and {} times LS's; G-SAM's {}, {}, {} and {} times.", *calibration, *gsam)
    plain, lowest, best = (
        quotient(name, "calibration") for name in ("ls-lr0001", "ls-lr00005", "gsam-ls-rho005-lr0001")
    )
    assert gain("ls-lr0001").open
    says(
        README, "After 10,000 updates LS at 0.001 has {} times the calibration error of LS at its searched rate", plain
    )
    loss_of = Told(*(-gain("ls-lr00005")[n] for n in (0, 2, 1)))
    says(README, "LS at 0.0005 has {} times and loses {} points;", lowest, loss_of)
    gained = gain("gsam-ls-rho005-lr0001")
    says(README, "G-SAM at 0.001, at twice the passes, has {} times and gains {}.", best, gained)
    few = quotient("gsam-ls-rho005-lr0001", "calibration", FEW, ("ls-lr00005", FEW))
    says(README, "On few data G-SAM at 0.001 has {} times the calibration error of LS at 0.0005, and after 300 ", few)
    says(README, "updates at the searched rate {} times LS's.", gsam[0])
    assert [one.high < 1 for one in loss] == [False, False, False, True]
    shorter = quotient("ls", "loss", 3000, ("samo-ls-rho02", LONGEST))
    assert shorter.high < 1
    said = "LS after 3,000 updates has {} times the loss of SAMO at rho 0.2 after 10,000, for a fourteenth"
    says(FINDINGS, said, shorter)
    lower_rate = quotient("ls", "loss", 3000, ("samo-ls-rho005-lr0001", LONGEST))
    says(FINDINGS, "but {} times that of SAMO at 0.001", lower_rate)
    assert round(LONGEST * 13 / 3 / 3000) == 14  # a step of SAMO takes 13 units, one of LS 3

    ls, samo, late = (
        np.log(validation(method, updates, "loss")).mean(axis=None)
        for method, updates in (("ls", 3000), ("samo-ls-rho02", LONGEST), ("ls", LONGEST))
    )
    assert ls < samo < late


def test_what_is_said_of_the_probe():
    sign = [gain("samo-ls-rho005", "placebo-ls-rho005", 0.9, n) for n in BUDGETS]
    said = "within 0.3 points at all rhos and rates is {}, for rho 0.2: over it SAMO gains {}, {}, {} and {} at rho"
    says(FINDINGS, said, verdict(26), *sign)
    assert [one.within(0.3) for one in sign] == [False, False, True, True]
    says(README, "From 3,000 updates on, at that rho, it is within 0.3 points of a placebo")
    says(FINDINGS, "and {} at rho 0.2 after 10,000", gain("samo-ls-rho02", "placebo-ls-rho02", 0.9))
    assert judged(26, "pooled", "rho 0.2")["verdict"].item() == "undecided"
    cases = [f"rho 0.05, lr {rate}" for rate in ("0.001", "0.002")]
    assert [judged(26, "pooled", case)["verdict"].item() for case in ("rho 0.05", *cases)] == ["supported"] * 3
    signs = [told(over_places(claims.get(26).comparisons, case), 0.9) for case in cases]
    says(FINDINGS, "pooled with few data: at the last two it gains {} and {}.", *signs)
    remembered = gain("remembered-ls-rho005", "placebo-ls-rho005", 0.9)
    says(FINDINGS, "gain {} over the placebo after 10,000", remembered)


def test_what_is_said_of_what_costs_no_pass():
    msam, nadam, given, back = (
        [gain(method, updates=n) for n in (300, LONGEST)]
        for method in ("msam-ls", "nadam-ls", "msam-ls-rho005", "msam-ls-rho005-back")
    )
    given.insert(1, gain("msam-ls-rho005", updates=3000))
    says(FINDINGS, "Momentum SAM gains {} after 300 updates and {} after 10,000", *msam)
    says(FINDINGS, "plain NAdam {} and {}, all over LS at its searched rate", *nadam)
    assert msam[0].low > 0 < nadam[0].low
    says(FINDINGS, "(at rho 0.05 {}, {} after 3,000 and {} after 10,000, with the other sign {} and {})", *given, *back)
    says(FINDINGS, "Whether the gain is acceleration is {}.", verdict(27))
    said = "Look-back SAM gains {} after 10,000, SGD with momentum in Adam's place {} ({} after 3,000), with {} times "
    others = gain("lookback-ls"), gain("sgd-ls"), gain("sgd-ls", updates=3000)
    says(FINDINGS, said + "the test loss;", *others, quotient("sgd-ls", "loss"))
    tuned = [gain(name, "ls-lr0002") for name in ("sgd-ls", "nesterov-ls")]
    says(FINDINGS, "over LS at 0.002 it gains {}, with Nesterov's momentum {}.", *tuned)
    says(STUDY, "Over LS at 0.002 the two gain {} and {} after 10,000.", *tuned)
    says(FINDINGS, "LS at 0.002 gains {} there", short(gain("ls-lr0002").mean))


def test_the_table_of_learning_rates_is_that_of_the_rows():
    seeds = by_seed("accuracy").count()
    for name, words in RATED.items():
        says(STUDY, "| {} | {} | {} | {} | {} |", words, *over_its_base(name, FEW), *over_its_base(name, LONGEST))
        assert min(seeds[name, updates] for updates in (FEW, LONGEST)) >= 4


def test_what_is_said_of_learning_rates():
    longest, few = over_its_base("ls-lr0002", LONGEST), over_its_base("ls-lr0002", FEW)
    said = "with it LS gains {} after 10,000 updates and {} on few data (40 epochs of 6,400 composites), with {} and {}"
    says(FINDINGS, said, longest[0], few[0], longest[1], few[1])
    at_best = [over_its_base(f"{name}-ls-rho005-lr0002", n)[0] for name in DOSE for n in (LONGEST, FEW)]
    assert all(one.open for one in at_best)
    says(FINDINGS, "Over that G-SAM gains {} and {}, SAMO {} and {}, the placebo {} and {}.", *at_best)
    plain, *kinds = (Kind(name, optimizer="lr 0.001") for name in ("none", *DOSE))
    at_papers = [over_places(contrast.compare(plain, kind)) for kind in kinds]
    said = "pooled over few and all data, G-SAM gains {}, SAMO {}, the placebo {}: equivalent to none "
    says(FINDINGS, said + "(90 % intervals within 0.5), ", *map(told, at_papers))
    each = [by_seed("delta_m")["ls-lr0001", n] - by_seed("delta_m")["gsam-ls-rho005-lr0001", n] for n in (FEW, LONGEST)]
    averaged = told(of_seeds(((each[0] + each[1]) / 2).dropna()))
    says(FINDINGS, "Averaged seed by seed over the four seeds of both sets, G-SAM gains {}.", averaged)
    says(STUDY, "averaged seed by seed over four common seeds it is {}, {})", short(averaged.mean), averaged.limits)
    assert all(told(one, 0.9).within(contrast.MARGIN) for one in at_papers)
    gsam, samo = (over_its_base(f"{name}-ls-rho005-lr0001", FEW)[0] for name in ("gsam", "samo"))
    assert gsam.low > 0 < samo.low
    says(FINDINGS, "though on few data G-SAM's {} and SAMO's lie above 0.", gsam)
    says(FINDINGS, "Whether these gains need an untuned LS is {}.", verdict(34))
    said = "On few data, at the papers' rate, it gains {}; with both at twice that rate, LS's best, its gain is {}."
    says(README, said, samo, over_its_base("samo-ls-rho005-lr0002", FEW)[0])
    searched = [gain(f"{name}-ls-rho005", updates=FEW) for name in ("gsam", "samo")]
    says(README, "they gain {} and {}. At 0.002", *searched)
    says(FINDINGS, "on few data they gain {} and {} at rho 0.05", *searched)


def test_what_is_said_of_learning_rates_and_the_test_loss():
    at_rates = [f"{name}-ls-rho005{end}" for name in DOSE for end in ("", AT["0.002"], AT["0.001"])]
    losses = [over_its_base(name, updates)[1] for name in at_rates for updates in (FEW, LONGEST)]
    assert all(one.high < 1 for one in losses)
    least, most = (round(100 * (1 - end(one.mean for one in losses))) for end in (max, min))
    says(README, "lowers the test loss, at rho 0.05 by {} to {} %; so does a lower rate", least, most)
    assert all(over_its_base(f"ls{AT[rate]}", n)[1].high < 1 for rate in RATES for n in (FEW, LONGEST))


def test_what_is_said_of_flatness_at_the_rate_that_suits_ls():
    names = [f"{name}-ls-rho005-lr0002" for name in ("gsam", "samo")]
    found = [flatter(data, "ls-lr0002", name) for data in DATA for name in names]
    assert all(one.low > 1 for one in found)
    sizes = sorted(round(one.mean) for one in found)
    said = "sharpness makes the minima {} to {} times flatter; no gain in accuracy shows"
    says(README, said, sizes[0], sizes[-1])
    assert all(over_its_base(name, n)[0].low < 0 for name in names for n in (FEW, LONGEST))
    said = "LS at 0.001 has {} times the λ_max of LS at its searched rate, on few data {} times"
    says(STUDY, said, *(flatter(data, "ls-lr0001", "ls") for data in DATA))
    assert all(gain("ls-lr0001", updates=n).high > 0 for n in (FEW, LONGEST))


def test_what_the_rules_say_of_learning_rates():
    accuracies = [accuracy(name, n) for name in ("stl", "ls", "ls-lr0002") for n in (FEW, LONGEST)]
    says(STUDY, "STL has {} accuracy on few data and {} on all, LS {} and {}, at 0.002 {} and {}.", *accuracies)
    within = [
        over_its_base(f"{name}-ls-rho005-lr0002", updates, 0.9)[0]
        for name in ("gsam", "samo")
        for updates in (LONGEST, FEW)
    ]
    assert [one.within(contrast.MARGIN) for one in within] == [True, True, True, False]
    limits = [one.limits for one in within]
    says(STUDY, "(90 % intervals {} after 10,000 updates, {} on few data)", *limits[:2])
    says(STUDY, "({}) but not on few data ({}), where it is undecided", *limits[2:])
    few, longest = (gain("ls-lr0002", "gsam-ls-rho005-lr0001", updates=n) for n in (FEW, LONGEST))
    samo = gain("ls-lr0002", "samo-ls-rho005-lr0001", updates=FEW)
    says(STUDY, "is better than G-SAM at 0.001 by {} and than SAMO by {}", few, samo)
    says(STUDY, "they are not told apart ({}, {})", short(longest.mean), longest.limits)
    plain, gsam = (Kind(kind, optimizer="lr 0.001") for kind in ("none", "gsam"))
    says(STUDY, "though G-SAM's {} lies above 0", told(over_places(contrast.compare(plain, gsam))))
    shorter = [quotient("ls", "loss", 3000, (f"{name}-ls-rho005-lr0001", LONGEST)) for name in ("gsam", "samo")]
    says(STUDY, "it has {} times the loss of G-SAM and {} times that of SAMO.", *shorter)
    others = [gain(name, "ls-lr0002") for name in ("nadam-ls", "msam-ls", "msam-ls-rho005")]
    says(STUDY, "NAdam gains {}, momentum SAM with rho searched {} and at rho 0.05 {}.", *others)
    block = [gain(name, updates=n) for name in ("lookback-ls", "sgd-ls", "nesterov-ls") for n in (3000, LONGEST)]
    said = "look-back SAM gains {} after 3,000 updates and {} after 10,000, SGD with momentum {} and {}, "
    says(STUDY, said + "with Nesterov's {} and {};", *block)


def test_the_best_rate_of_ls_is_that_of_validation_data():
    names, found, lead = ["ls", *(f"ls{AT[rate]}" for rate in RATES)], {}, {}
    for updates, searched in ((FEW, 0.00711), (LONGEST, 0.00533)):
        assert set(values().query("method == 'ls' and updates == @updates")["lr"]) == {searched}
        each = pd.DataFrame({name: validation(name, updates, "accuracy", 4).mean(axis=1) for name in names})
        best, second, *_ = order = each.mean().sort_values(ascending=False).index
        assert best == "ls-lr0002"
        found[updates] = each[order].mean().map("{:.1f}".format)
        lead[updates] = told(of_seeds(each[best] - each[second]))
    says(FINDINGS, "by {} points, few data {}; the first may be chance", *(short(lead[n].mean) for n in (LONGEST, FEW)))
    says(STUDY, "that is a lead of {} over the searched rate, on few data of {} over 0.001", lead[LONGEST], lead[FEW])
    said = "on few data {} % accuracy on validation data beside {} at 0.001, {} at the searched 0.007 and {}"
    says(STUDY, said, *found[FEW])
    said = "at the longest budget {} beside {} at the searched 0.005, {} at 0.001 and {} at 0.0005"
    says(STUDY, said, *found[LONGEST])


def test_what_is_said_of_what_the_seeds_left_open():
    over = {name: gain(name, "samo-ls-rho005", updates=3000) for name in OPEN if name != "samo-ls-rho005"}
    plain = {name: gain(name, updates=3000) for name in OPEN}
    assert {by_seed("accuracy")[name, 3000].count() for name in OPEN} == {5}
    said = "α gains {} over SAMO, ASAM's ball {}, guided probes {}, sharpness at every fifth step (LookSAM) {};"
    names = [f"samo-ls-{end}" for end in ("rho005-adaptive", "rho05-asam", "rho005-guided", "rho005-every5")]
    says(FINDINGS, said, *(over[name] for name in names))
    assert not [name for name, one in plain.items() if one.low > 0]  # none beats LS
    assert all(one.open for name, one in over.items() if OPEN[name].startswith("α"))
    assert verdict(32) == "supported"
    lines = (ROOT / "docs/study.md").read_text().splitlines()
    cells = {cells[1].strip(): cells[3:5] for line in lines if len(cells := line.split("|")) == 6}
    for name, spoken in OPEN.items():
        assert [cell.strip() for cell in cells[spoken]] == [str(plain[name]), str(over.get(name, ""))]
    says(STUDY, "loses {:.1f} points to SAMO", -over[names[3]].mean)


def test_what_is_said_of_mgda_and_fairgrad():
    methods, budgets = ("lsam-mgda", "fmtl-mgda"), (3000, LONGEST)
    early, late = ([gain(name, "mgda", updates=n) for name in methods] for n in budgets)
    assert all(one.open or one.high == 0 for one in (*early, *late))
    said = "they gain {} and {} over MGDA after 10,000 updates, {} and {} after 3,000, for 2.2 times the passes"
    says(README, said, *late, *early)
    says(FINDINGS, "Over MGDA they gain {} and {} after 3,000 updates, {} and {} after 10,000:", *early, *late)
    [lsam], [fmtl] = (set(values().query("method == @name and updates == @LONGEST")["rho"]) for name in methods)
    says(README, "(the search chose small ones, {:.3f} and {:.3f})", lsam, fmtl)
    assert max(lsam, fmtl) < preset("fmtl").rho / 5
    assert {str(judged(n, "multimnist")["verdict"].item()) for n in (11, 13)} == {"equivalent"}
    assert verdict(12) == "undecided"
    says(FINDINGS, "F-MTL over L-SAM: {}, equivalent, too.", gain("fmtl-mgda", "lsam-mgda"))
    losses = [quotient(name, "loss", LONGEST, ("mgda", LONGEST)) for name in reversed(methods)]
    says(FINDINGS, "F-MTL's test loss after 10,000 is {} times MGDA's, L-SAM's {}.", *losses)
    moved = flatter("multimnist", "mgda", "fmtl-mgda"), between("multimnist", "fmtl-mgda", "mgda", COSINE)
    says(FINDINGS, "F-MTL divides λ_max by {} and changes the cosine of task gradients by {}; whether", *moved)
    plain = gain("mgda"), gain("fairgrad", updates=3000), gain("fairgrad")
    said = "MGDA gains {} over LS after 10,000 updates, FairGrad {} after 3,000 and {} after 10,000, at the rate of "
    says(FINDINGS, said + "3,000, with {} times LS's test loss.", *plain, quotient("fairgrad", "loss"))
    lost = Told(*(-plain[2][n] for n in (0, 2, 1)))
    says(README, "is level with LS after 3,000 updates, {}, and loses {} after 10,000.", plain[1], lost)


def test_on_few_data_l_sam_gains_by_its_learning_rate():
    searched, at_one_rate = ("mgda", "lsam-mgda", "fmtl-mgda"), ("lsam-mgda", "mgda-lr0003")
    rates = values().query("updates == @FEW").groupby("method")["lr"].first()
    assert rates[[*at_one_rate]].tolist() == [0.003, 0.003]
    assert rates["mgda"] < rates["fmtl-mgda"]
    lsam, fmtl = (gain(name, "mgda", updates=FEW) for name in searched[1:])
    equal, narrow = (gain(*at_one_rate, level, FEW) for level in (0.95, 0.9))
    other, other_narrow = (gain("fmtl-mgda-lr0003", "mgda-lr0003", level, FEW) for level in (0.95, 0.9))
    assert lsam.low > 0
    assert equal.open
    assert narrow.within(0.5)
    says(README, "On few data they gain {} and {}; but there the search chose", lsam, fmtl)
    says(README, "for L-SAM, {:.3f} for MGDA and {:.3f} for F-MTL", rates["mgda"], rates["fmtl-mgda"])
    says(README, "L-SAM gains {} and F-MTL {}, both equivalent to none within 0.5 points", equal, other)
    seeds = sorted({int(by_seed("delta_m")[name, FEW].count()) for name in searched})
    count = " to ".join(NUMBERS[n] for n in seeds)
    says(README, "and {} with MGDA at searched rates", count)
    says(FINDINGS, "**MGDA on few data** ({} seeds; 8,000 updates).", count)
    said = "gains {} over MGDA, F-MTL (rho 0.016) {}, and over L-SAM {}. The search"
    says(FINDINGS, said, lsam, fmtl, gain("fmtl-mgda", "lsam-mgda", updates=FEW))
    rate = gain("mgda-lr0003", "mgda", updates=FEW)
    said = "it gains {} over MGDA at 0.007, and L-SAM over it {} (90 % interval {}): equivalent within 0.5"
    says(FINDINGS, said, rate, equal, narrow.limits)
    losses = [quotient("lsam-mgda", "loss", FEW, (base, FEW)) for base in ("mgda", "mgda-lr0003")]
    moved = flatter("multimnistpoor", *at_one_rate[::-1]), between("multimnistpoor", *at_one_rate, COSINE)
    said = "of L-SAM is {} times MGDA's at 0.007, {} times at 0.003, there it divides λ_max by {} and changes the "
    says(FINDINGS, said + "cosine of task gradients by {}.", *losses, *moved)
    more = gain("fmtl-mgda-lr0003", "lsam-mgda", updates=FEW)
    said = "F-MTL at 0.003 gains {} over MGDA there (90 % interval {}), equivalent to none within 0.5 points, and {} "
    says(FINDINGS, said + "over L-SAM", other, other_narrow.limits, more)
    assert other_narrow.within(0.5)
    assert verdict(11) == verdict(13)
    says(FINDINGS, "F-MTL's gain over MGDA and over L-SAM is {} (claims 11 and 13, at searched rates)", verdict(11))
    said = "L-SAM gains {} over MGDA (90 % interval {}): equivalent to none within 0.5, so that the gain over MGDA at "
    said += "its own rate, now {}, is that of the rate. MGDA itself gains {} by it."
    says(STUDY, said, equal, narrow.limits, lsam, rate)
    assert f"| 0.003, base 0.0071 | {lsam} |" in committed(f"{FOLDER}/summary-multimnistpoor.md")
    drawn = {one.name: one.data for one in drawings.of_budgets("second", run().budgets)}
    assert set(drawn["second-rates"]["aggregator"]) == {"ls"}  # MGDA alone at two rates is no line of that figure


def test_what_is_said_of_compute_conflict_and_curvature():
    said = (
        "LS after 1,000 updates beats SAMO after 300 by {} points (Δm against STL after 10,000), "
        "LS after 3,000 SAMO after 1,000 by {}; LS after 10,000 and SAMO after 3,000 are level: {}."
    )
    says(FINDINGS, said, *effects(33, "multimnist"))
    found = []
    for data in DATA:
        found += [*effects(1, data), *effects(2, data, "lambda_max")]
    for data in DATA:
        found += [between(data, "gsam-ls-rho005-lr0002", "ls-lr0002", COSINE)]
        found += [flatter(data, "ls-lr0002", "gsam-ls-rho005-lr0002")]
    said = (
        "changes the mean cosine of task gradients by {} and divides λ_max by {}, on few data {} and {}; at 0.002 the "
        "cosine by {} and λ_max by {}, on few data by {} and {}. At rho 0.2 and the searched rate the cosine rises by "
        "{}, on few data by {}, and λ_max is {} and {} times LS's."
    )
    large = [between(data, "gsam-ls-rho02", "ls", COSINE) for data in DATA]
    says(FINDINGS, said, *found, *large, *(flatter(data, "gsam-ls-rho02", "ls") for data in DATA))
    assert all(one.low > 0 for one in large)  # and accuracy is lower:
    assert all(gain(f"{name}-ls-rho02", updates=n).high < 0 for name in DOSE for n in (FEW, LONGEST))
    cases = ("flatter, less error", "flatter, less conflict", "less conflict, less error")
    assert {judged(24, "pooled", case)["verdict"].item() for case in cases} == {"not testable"}
    says(FINDINGS, "Whether flatness, conflict and error go together over methods (claim 24) is {}:", verdict(24))


def test_the_readme_has_the_findings_in_short():
    best, papers = (
        {(name, n): over_its_base(f"{name}-ls-rho005{AT[rate]}", n)[0] for name in DOSE for n in (LONGEST, FEW)}
        for rate in RATES[:2]
    )
    said = "they gain {} and {} after 10,000 updates, {} and {} on few data"
    says(README, said, *(best[name, n] for n in (LONGEST, FEW) for name in ("gsam", "samo")))
    says(
        README,
        "0.001, on few data, over LS at that rate: G-SAM {}, SAMO {}, its placebo {}.",
        *(papers[name, FEW] for name in DOSE),
    )
    ahead = [gain("ls-lr0002", "samo-ls-rho005-lr0001", updates=n) for n in (FEW, LONGEST)]
    says(README, "There LS at twice the rate is ahead of SAMO by {}, after 10,000 updates on all data by {}.", *ahead)
    loss = [quotient("samo-ls-rho005", "loss", n) for n in (LONGEST, 300)]
    says(README, "SAMO's is {} times LS's after 10,000 updates, {} times after 300.", *loss)
    lower = over_its_base("ls-lr0001", LONGEST)
    says(README, "LS at 0.001 has {} times the loss after 10,000, with no loss of accuracy that shows", lower[1])
    assert lower[0].open
    says(README, "SAMO at 0.001 has {} times that.", over_its_base("samo-ls-rho005-lr0001", LONGEST)[1])
    flat = [flatter(data, "ls-lr0002", "gsam-ls-rho005-lr0002") for data in DATA]
    cosine = [between(data, "gsam-ls-rho005-lr0002", "ls-lr0002", COSINE) for data in DATA]
    said = (
        "divides λ_max, the largest curvature, by {}, on few data by {}, and changes the cosine of task gradients by "
    )
    says(README, said + "{} and {}.", *flat, *cosine)
    large = between("multimnist", "gsam-ls-rho02", "ls", COSINE), flatter("multimnist", "gsam-ls-rho02", "ls")
    says(README, "it raises the cosine by {}, with {} times the λ_max and a worse Δm.", *large)
    assert all(one.low > 1 for one in flat)
    assert cosine[1].low > 0
    sign = gain("samo-ls-rho005", "placebo-ls-rho005", 0.9)
    assert sign.open
    said = "over its placebo SAMO gains {} (90 % interval {}) after 10,000 updates"
    says(README, said, short(sign.mean), sign.limits)
    alone = judged(26, "multimnistpoor", "rho 0.05, lr 0.002")["verdict"].item()
    said = "pooled with few data (few data alone at 0.002: {}); at rho 0.2 that is {}."
    says(README, f"within 0.3 points at all three rates, {said}", alone, verdict(26))
    said = "LS after 1,000 beats SAMO after 300 by {} points, LS after 3,000 SAMO after 1,000 by {}; "
    says(README, said + "LS after 10,000 and SAMO after 3,000 are level, {}.", *effects(33, "multimnist"))
    seeds = by_seed("accuracy").count()
    few = {name: seeds[name, FEW] for name in seeds[seeds > 0].index.get_level_values(0) if (name, FEW) in seeds}
    four = {f"{name}-ls-rho005-lr0002" for name in DOSE} | {f"ls{AT[rate]}" for rate in ("0.002", "0.0005")}
    four |= {"placebo-ls-rho005-lr0001", "mgda-lr0003", "fmtl-mgda-lr0003"}
    assert {few[name] for name in four} == {4}
    assert {name for name, count in few.items() if count < 8} - {"mgda", "lsam-mgda", "fmtl-mgda"} == four
