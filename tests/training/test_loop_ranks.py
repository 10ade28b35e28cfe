"""Two processes that share every batch train as one does."""

from typing import Any

import pytest
import torch

from tests.training.learnable import problem
from tests.training.ranked_fit import CASES, both_ranks, broken_on, seen_apart, trained

pytestmark = pytest.mark.slow  # two processes send a message for each gradient


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return both_ranks(tmp_path_factory.mktemp("ranks"))


def assert_close(ours: dict[str, Any], expected: dict[str, Any]) -> None:
    """The same rows, with values that differ by rounding in single precision only."""
    for kind in ("history", "layers"):
        assert [row[:-1] for row in ours[kind]] == [row[:-1] for row in expected[kind]]
        values = [torch.tensor([row[-1] for row in found[kind]]) for found in (ours, expected)]
        torch.testing.assert_close(*values, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours["weights"], expected["weights"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_the_history_and_the_weights_are_those_of_one_process(case, ranks):
    """Losses, metrics, the agreement on the probe set and on mini-batches, BatchNorm's statistics."""
    alone = trained(problem(0.0), None, **CASES[case])
    metrics = {row[3] for row in alone["history"]}
    assert ("minibatch_conflict" in metrics) == (case != "separate")
    for rank in ranks:
        assert_close(rank[case], alone)


@pytest.mark.parametrize("case", [*CASES, "whole", "gone on", "seen apart"])
def test_all_ranks_have_the_same_bit_for_bit(case, ranks):
    first, second = (rank[case] for rank in ranks)
    assert first["history"] == second["history"]
    assert all(torch.equal(a, b) for a, b in zip(first["weights"], second["weights"], strict=True))


def test_dropout_masks_are_each_rank_s_own(ranks):
    assert not torch.equal(ranks[0]["masks"], ranks[1]["masks"])


def test_from_the_first_rank_s_state_all_go_on_as_if_never_stopped(ranks):
    """With dropout, whose masks on the other rank no state holds."""
    for rank in ranks:
        assert rank["gone on"]["history"] == rank["whole"]["history"]
        assert rank["gone on"]["layers"] == rank["whole"]["layers"]
        assert all(torch.equal(a, b) for a, b in zip(rank["gone on"]["weights"], rank["whole"]["weights"], strict=True))


def test_what_ranks_evaluate_differently_counts_as_the_first_one_has_it(ranks):
    for rank in ranks:
        assert_close(rank["seen apart"], seen_apart(None))


def test_a_loss_that_breaks_on_one_rank_ends_all_with_the_words_of_one_process(ranks):
    alone = broken_on(0, None)
    assert alone == "the loss of two is nan (update 6): lower lr or rho"
    assert [rank["broken"] for rank in ranks] == [[alone, alone]] * 2
