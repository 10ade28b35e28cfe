"""The measured angles against theory, and the estimates against those that a step perturbs by."""

from collections.abc import Sequence

import pandas as pd
import pytest
import torch
from torch import Tensor

from samo.analysis.probe import COLUMNS, Options, along, linear, on_network, parts, quality
from samo.optim.jacobian import task_gradients
from tests import problems
from tests.problems import Snapshot, as_study, problem

SMALL = Options(directions=[1, 4], repeats=3, sizes=2, tasks=3)


def of(case: problems.Problem, options: Options = SMALL, seed: int = 0) -> pd.DataFrame:
    return on_network(as_study(case), case.network, [(case.x, case.y)] * options.repeats, options, seed)


def test_on_linear_losses_every_sign_is_right_the_cosines_are_those_of_theory_and_the_placebo_knows_nothing() -> None:
    options = Options(directions=[1, 4, 16], repeats=40, sizes=1)
    generator = torch.Generator().manual_seed(0)
    trunk, closures = linear(200, options.repeats, generator)
    table = quality(closures, trunk, [], 2, options, generator)
    spsa = table[table["estimator"] == "spsa"]
    plain, layered = spsa[~spsa["layer_normalised"]], spsa[spsa["layer_normalised"]]
    assert (plain["sign_share"] == 1).all()
    assert set(plain["params"]) == {200}
    assert list(plain["directions"]) == [1, 4, 16]
    for part in (plain, layered):
        error = (part["cosine_high"] - part["cosine_low"]) / 4  # an interval of 95 % is about 4 standard errors wide
        assert ((part["cosine"] - part["theory"]).abs() < 4 * error).all()
        assert (error < 0.1 * part["theory"]).all()
    assert list(plain["cosine"]) != list(layered["cosine"])
    single = table[table["directions"] == 1]
    coin = single[(single["estimator"] == "random") & ~single["layer_normalised"]].iloc[0]
    assert coin["cosine_low"] < 0 < coin["cosine_high"]
    assert coin["sign_share"] == pytest.approx(0.5, abs=0.07)  # 1,280 coins
    assert coin["theory"] == 0
    whole = single[single["layer_normalised"]].set_index("estimator")["perturbation"]
    assert whole["random"] < whole["spsa"] < whole["random"] + 0.2


def test_a_tiny_step_has_the_right_sign_on_a_smooth_network_and_one_too_long_loses_signs() -> None:
    options = Options(directions=[1], repeats=40, sizes=1)
    shares = [of(problem(3), options.model_copy(update={"mu": mu}))["sign_share"].iloc[0] for mu in (1e-6, 3.0)]
    assert shares[0] == 1
    assert shares[1] < 0.95


def test_gradients_are_of_the_batch_statistics_and_the_probe_of_those_asked_for() -> None:
    options = Options(directions=[1], repeats=20, sizes=1, mu=1e-6)
    case = problem(2, batchnorm=True)
    with torch.no_grad():
        case.network.batchnorm.running_mean.fill_(5.0)  # type: ignore[union-attr]  # nothing like the batch's
    before = Snapshot.of(case.network)
    table = of(case, options)
    Snapshot.of(case.network).assert_equal(before)
    shares = table[(table["estimator"] == "spsa") & ~table["layer_normalised"]].set_index("statistics")["sign_share"]
    assert shares["batch"] == 1
    assert shares["running"] < 1


def test_every_part_and_estimator_has_a_row_the_same_for_one_seed() -> None:
    table = of(problem(3))
    assert list(table.columns) == COLUMNS
    sizes = [p.numel() for p in problem(3).network.trunk.parameters()]
    assert set(table["params"]) == {sizes[0], sum(sizes)}
    assert set(table["statistics"]) == {"running"}  # a network without BatchNorm or dropout is probed in one mode
    assert set(of(problem(2, dropout=0.2))["statistics"]) == {"running", "batch"}
    assert len(table) == 2 * (2 + 1) * 2  # parts, estimators and directions, normalised or not
    pd.testing.assert_frame_equal(table, of(problem(3)))
    assert not table.equals(of(problem(3), seed=1))


def test_along_a_training_a_remembered_gradient_knows_more_than_any_probe() -> None:
    case = problem(3)
    made = as_study(case)
    batches = [(case.x + 0.1 * torch.randn_like(case.x), case.y) for _ in range(25)]
    before = Snapshot.of(case.network)
    table = along(made, case.network, batches, Options(steps=25, every=2, mu=1e-4), 0)
    assert list(table.columns) == COLUMNS
    assert set(table["n"]) == {12}
    with pytest.raises(AssertionError):
        Snapshot.of(case.network).assert_equal(before)  # it trained
    cosine = table[~table["layer_normalised"]].set_index("estimator")["cosine"]
    assert (cosine["remembered"] > cosine[["spsa", "low-rank", "guided", "random"]] + 0.2).all()
    assert 0 < cosine["spsa"] < cosine["guided"]
    assert (cosine[["running mean", "g0"]] > 0).all()
    assert along(made, case.network, batches, Options(steps=0), 0).empty


def test_of_many_tasks_some_are_looked_at_and_all_are_in_the_global_gradient() -> None:
    asked: set[tuple[int, ...]] = set()
    case = problem(11)

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        asked.add(tuple(tasks))
        return case.closure(tasks)

    trunk = list(case.network.trunk.parameters())
    options = Options(directions=[1], repeats=2, sizes=1, tasks=3)
    quality([closure] * 2, trunk, list(case.network.modules()), 11, options, torch.Generator().manual_seed(0))
    assert asked == {tuple(range(11)), (0, 5, 10)}


def test_tasks_without_a_gradient_count_as_zero() -> None:
    trunk = list(problem(1).network.trunk.parameters())

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        return [0.0 * torch.stack([p.sum() for p in trunk]).sum() for _ in tasks]

    assert not task_gradients(closure, trunk, [0]).any()
    table = quality([closure] * 2, trunk, [], 2, Options(repeats=2), torch.Generator().manual_seed(0))
    assert (table["cosine"] == 0).all()
    assert (table["sign_share"] == 0).all()


def test_parts_are_spread_over_orders_of_magnitude() -> None:
    sizes = [810, 10, 5000, 20, 25000, 50]
    assert [parts(sizes, count) for count in (1, 3)] == [[6], [1, 3, 6]]
    assert parts([1, 1, 1, 1], 9) == [1, 2, 3, 4]
