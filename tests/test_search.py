import math

import pytest

from samo.search import count, search


def test_rho_is_chosen_first_at_the_middle_learning_rate_then_the_learning_rate_at_that_rho():
    asked = []

    def score(lr, rho):
        asked.append((lr, rho))
        return -abs(math.log10(lr) + 1) - abs(rho - 0.5)

    trials, chosen = search(score, [0.001, 0.01, 0.1], [0.05, 0.5])
    assert asked == [(0.01, 0.05), (0.01, 0.5), (0.001, 0.5), (0.1, 0.5)]
    assert [(t.lr, t.rho) for t in trials] == asked
    assert (chosen.lr, chosen.rho) == (0.1, 0.5)


@pytest.mark.parametrize("rhos", [[None], [0.1], [0.1, 0.2, 0.3]])
@pytest.mark.parametrize("lrs", [[0.1], [0.1, 0.2], [0.1, 0.2, 0.3]])
def test_count_says_how_many_trials_are_made(lrs, rhos):
    asked = []

    def score(lr, rho):
        asked.append((lr, rho))
        return 0.0

    search(score, lrs, rhos)
    assert len(asked) == count(lrs, rhos) == len(set(asked))


def test_a_diverged_trial_loses_against_any_other():
    _, chosen = search(lambda lr, rho: math.nan if lr > 0.1 else -1e9, [0.1, 1.0], [None])
    assert chosen.lr == 0.1


def test_of_equal_scores_the_earlier_value_wins():
    _, chosen = search(lambda lr, rho: 1.0, [0.1, 0.2, 0.3], [0.01, 0.02])
    assert (chosen.lr, chosen.rho) == (0.1, 0.01)
