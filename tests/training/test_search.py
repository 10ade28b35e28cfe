import math

import pytest

from samo.training.search import Search, Trial, most, points, search, taken_from

ALL = {"lr": (0.001, 0.1), "rho": (0.01, 1.0), "alpha": (0.2, 0.8)}


def plan(**changes):
    return Search.model_validate(
        {"updates": [10], "trials": 5, "seeds": [7, 8], "lr": [0.001, 0.1], "rho": [0.01, 1.0]} | changes
    )


def by(score, ranges=ALL, given=(), **changes):
    return search(lambda trial: {"7": score(trial) - 1, "8": score(trial) + 1}, dict(given), ranges, plan(**changes))


def test_trials_are_the_same_for_every_method_within_the_ranges_and_log_uniform():
    wide = points(ALL, 8)
    for own in ({"lr": ALL["lr"]}, {"lr": ALL["lr"], "rho": ALL["rho"]}, {"rho": ALL["rho"]}):
        assert points(own, 8) == [{name: point[name] for name in own} for point in wide]
    assert points(ALL, 3) == wide[:3]
    assert wide[0] == {"lr": 0.01, "rho": 0.1, "alpha": 0.5}
    for name, (low, high) in ALL.items():
        values = [point[name] for point in wide]
        assert len(set(values)) == 8
        assert low < min(values) < max(values) < high
        middle = 0.5 if name == "alpha" else math.sqrt(low * high)
        assert sum(value < middle for value in values) in (3, 4)


def test_the_best_mean_over_seeds_is_chosen_and_of_equals_the_first():
    found = by(lambda trial: -abs(math.log(trial.lr / 0.02)), {"lr": ALL["lr"]}, {"rho": 0.3})
    assert [trial.rho for trial in found.trials] == [0.3] * 5
    assert found.chosen == max(found.trials, key=lambda trial: trial.score)
    assert found.chosen.scores["8"] - found.chosen.scores["7"] == pytest.approx(2)
    assert found.chosen.score == pytest.approx(sum(found.chosen.scores.values()) / 2)
    assert by(lambda _: 1.0).chosen.choice == {"lr": 0.01, "rho": 0.1, "alpha": 0.5}


@pytest.mark.parametrize("sign", [1, -1])
def test_a_choice_at_an_edge_is_extended_once_beyond_it_and_said(sign):
    inner = [trial.lr for trial in by(lambda trial: sign * trial.lr).trials]
    found = by(lambda trial: sign * trial.lr, extend=2)
    assert len(found.trials) == 7 == most(ALL, plan(extend=2))
    assert [trial.lr for trial in found.trials[:5]] == inner
    beyond = [sign * trial.lr for trial in found.trials[5:]]
    assert max(sign * lr for lr in inner) < beyond[0] < beyond[1]
    assert "lr" in found.extended
    assert found.chosen == found.trials[6]
    assert found.stored()["extended"] == found.extended


def test_a_choice_within_is_not_extended():
    found = by(lambda trial: -abs(math.log(trial.lr / 0.01)), {"lr": ALL["lr"]}, extend=3)
    assert (len(found.trials), found.extended, found.chosen.lr) == (5, [], 0.01)


def test_with_nothing_to_choose_nothing_is_tried():
    found = search(lambda _: pytest.fail("tried"), {"lr": 0.1, "rho": 0.2}, {}, plan(extend=2))
    assert (found.trials, found.chosen.choice) == ([], {"lr": 0.1, "rho": 0.2})
    assert most({}, plan(extend=2)) == 0


def test_a_trial_that_diverged_on_one_seed_loses_against_any_other():
    found = search(lambda t: {"7": math.nan if t.lr > 0.01 else -1e9, "8": 5.0}, {}, {"lr": ALL["lr"]}, plan())
    assert found.chosen.lr <= 0.01
    assert {trial.score for trial in found.trials if trial.lr > 0.01} == {-math.inf}


def test_a_run_takes_the_longest_choice_that_is_not_longer_than_itself():
    assert [taken_from([1000, 300], n) for n in (100, 300, 999, 1000, 9000)] == [300, 300, 300, 1000, 1000]


def test_what_was_chosen_joins_the_fields_given():
    assert Trial(0.1, 0.2, 0.3).fields({"mu": 0.5, "rho": 0.9}) == {"mu": 0.5, "rho": 0.2, "alpha": 0.3}
    assert Trial(0.1).fields({"mu": 0.5}) == {"mu": 0.5}
    assert Trial(0.1, 0.2).choice == {"lr": 0.1, "rho": 0.2}
