"""The trainings of a condition: what is given, what is searched, how many there are."""

from typing import NamedTuple

from samo.optim import sharpness
from samo.study.config.params import Params
from samo.training.search import Ranges, most, taken_from


class Plan(NamedTuple):
    """What a condition's trainings are.

    Attributes:
        given: by the method's block, or by a range of one value. An arm has no "lr" where it takes that of its donor.
        ranges: between what the rest is searched; an arm searches nothing.
        budgets: of its search, those that its final runs go by.
        trials, finals: the updates of every training of the search, at most, and of every final run.
    """

    given: dict[str, float]
    ranges: Ranges
    budgets: list[int]
    trials: list[int]
    finals: list[int]


def plan(params: Params, dataset: str, method: str) -> Plan:
    """The trainings of a condition."""
    search, updates = params.datasets[dataset].search, params.updates_on(dataset, method)
    given, ranges = _space(params, dataset, method)
    budgets = sorted({taken_from(search.updates, n) for n in updates})
    trials = budgets * (most(ranges, search) * len(search.seeds))
    return Plan(given, ranges, budgets, trials, updates * len(params.seeds_on(dataset, method)))


def _space(params: Params, dataset: str, method: str) -> tuple[dict[str, float], Ranges]:
    search, block = params.datasets[dataset].search, params.methods_on(dataset)[method]
    shape = sharpness.preset(block.preset_name, **block.preset_fields)
    given: dict[str, float] = {} if block.lr is None else {"lr": block.lr}
    if shape.scope != "none" and "rho" in block.preset_fields:
        given["rho"] = shape.rho
    if method in params.arms.methods:
        return given, {}
    wanted = {"lr": search.lr}
    if shape.scope != "none":
        wanted["rho"] = search.rho
    if search.alpha and shape.scope == "joint" and "alpha" not in block.preset_fields:
        wanted["alpha"] = search.alpha
    limits = {name: (low, high) for name, (low, high) in wanted.items() if name not in given}
    given |= {name: low for name, (low, high) in limits.items() if low == high}
    return given, {name: ends for name, ends in limits.items() if name not in given}
