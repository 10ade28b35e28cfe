import math

import pytest

from samo.training.search import Trial, count, search


def test_rho_is_chosen_first_at_the_middle_learning_rate_then_the_learning_rate_at_that_rho():
    asked = []

    def score(trial):
        asked.append((trial.lr, trial.rho))
        return -abs(math.log10(trial.lr) + 1) - abs(trial.rho - 0.5)

    trials, chosen = search(score, {"lr": [0.001, 0.01, 0.1], "rho": [0.05, 0.5]})
    assert asked == [(0.01, 0.05), (0.01, 0.5), (0.001, 0.5), (0.1, 0.5)]
    assert [(t.lr, t.rho) for t in trials] == asked
    assert (chosen.lr, chosen.rho) == (0.1, 0.5)


def test_alpha_is_chosen_after_rho_and_before_the_learning_rate():
    asked = []

    def score(trial):
        asked.append((trial.rho, trial.alpha, trial.lr))
        return trial.rho + trial.alpha - trial.lr

    _, chosen = search(score, {"lr": [0.1, 0.2, 0.3], "rho": [1.0, 2.0], "alpha": [0.3, 0.5, 0.7]})
    assert asked == [
        *[(rho, 0.5, 0.2) for rho in (1.0, 2.0)],
        *[(2.0, alpha, 0.2) for alpha in (0.3, 0.7)],
        *[(2.0, 0.7, lr) for lr in (0.1, 0.3)],
    ]
    assert chosen.choice == {"lr": 0.1, "rho": 2.0, "alpha": 0.7}
    assert chosen.score == pytest.approx(2.6)


@pytest.mark.parametrize("alphas", [None, [0.5], [0.3, 0.5, 0.7]])
@pytest.mark.parametrize("rhos", [None, [0.1], [0.1, 0.2, 0.3]])
@pytest.mark.parametrize("lrs", [[0.1], [0.1, 0.2], [0.1, 0.2, 0.3]])
def test_count_says_how_many_trials_are_made(lrs, rhos, alphas):
    asked = []
    grids = {"lr": lrs} | ({"rho": rhos} if rhos else {}) | ({"alpha": alphas} if alphas else {})

    def score(trial: Trial) -> float:
        asked.append((trial.lr, trial.rho, trial.alpha))
        return 0.0

    search(score, grids)
    assert len(asked) == count(grids) == len(set(asked))


def test_with_nothing_to_choose_nothing_is_tried():
    trials, chosen = search(lambda _: pytest.fail("tried"), {"lr": [0.1], "rho": [0.2]})
    assert (trials, chosen.choice) == ([], {"lr": 0.1, "rho": 0.2})


def test_a_diverged_trial_loses_against_any_other():
    trials, chosen = search(lambda trial: math.nan if trial.lr > 0.1 else -1e9, {"lr": [0.1, 1.0]})
    assert chosen.lr == 0.1
    assert [t.score for t in trials] == [-1e9, -math.inf]


def test_of_equal_scores_the_earlier_value_wins():
    _, chosen = search(lambda _: 1.0, {"lr": [0.1, 0.2, 0.3], "rho": [0.01, 0.02]})
    assert (chosen.lr, chosen.rho) == (0.1, 0.01)


def test_what_was_chosen_joins_the_fields_given():
    assert Trial(0.1, 0.2, 0.3).fields({"mu": 0.5, "rho": 0.9}) == {"mu": 0.5, "rho": 0.2, "alpha": 0.3}
    assert Trial(0.1).fields({"mu": 0.5}) == {"mu": 0.5}
    assert Trial(0.1, 0.2).choice == {"lr": 0.1, "rho": 0.2}
