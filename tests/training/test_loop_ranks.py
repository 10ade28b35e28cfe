"""Two processes that share every batch train as one does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, distributed

from samo.optim.process_group import Group, Ranks
from samo.optim.sharpness import preset
from samo.training.loop import DivergedError, fit
from samo.training.problem import Batch, Problem
from samo.training.settings import Named
from samo.training.state import State
from tests.forks import RANKS, on_ranks
from tests.training.learnable import Squares, problem, recipe

CASES: dict[str, dict[str, Any]] = {
    "samo mgda": {"aggregator": "mgda", "sharpness": preset("samo", rho=0.01), "clip": 0.5},
    "fmtl ls": {"sharpness": preset("fmtl", rho=0.01), "schedule": "plateau", "patience": 0},
    "famo": {"aggregator": "famo", "schedule": "onecycle"},
    "separate": {"separate": True},
}
BROKEN = 8
"""The call for the second task's loss that is broken: one before training, five a pass, so update 6."""
Found = dict[str, Any]


def trained(
    of: Problem, group: Group | None, into: Path | None = None, resume: State | None = None, **given: Any
) -> Found:
    """A training's history, its cosines by layer and its weights; its state after the first pass goes `into` a file."""

    def keep(make: Any) -> None:
        if into is not None and not into.exists():
            torch.save(make(), into)

    # Not Adam: of the gradient of a bias before BatchNorm, which is zero but for rounding, it makes a whole step.
    plan = recipe(**{"conflict_batches": 2, "group": group, "optimizer": Named(name="sgd", momentum=0.9)} | given)
    run = fit(of, plan, ("val", "test"), resume=resume, keep=keep)
    return {
        "history": [tuple(row) for row in run.history],
        "layers": [tuple(row) for row in run.layers],
        "weights": [v.detach().double() for v in run.network.state_dict().values()],
    }


def seen_apart(group: Group | None) -> Found:
    """A learning rate that goes by a score of which each rank finds another value."""

    class Own(Squares):
        def compute(self):
            off = 5.0 * Ranks(group).number
            return {task: {name: v + off for name, v in by.items()} for task, by in super().compute().items()}

    return trained(replace(problem(0.0), meter=Own), group, schedule="plateau", patience=0)


def broken_on(place: int, group: Group | None) -> str:
    """What is said where a loss is no number on one of the ranks alone."""
    made, calls = problem(0.0), [0]

    def loss(task: int, output: Tensor, batch: Batch) -> Tensor:
        calls[0] += task == 1 and output.requires_grad
        broken = task == 1 and output.requires_grad and calls[0] == BROKEN and Ranks(group).number == place
        return made.loss(task, output, batch) * (float("nan") if broken else 1.0)

    with pytest.raises(DivergedError) as said:
        trained(replace(made, loss=loss), group, conflict_batches=0)
    return str(said.value)


def masks(group: Group) -> Tensor:
    """A dropout mask of the first step."""
    found: list[Tensor] = []
    made = problem(0.5)

    def loss(task: int, output: Tensor, batch: Batch) -> Tensor:
        if output.requires_grad:
            found.append(torch.nn.functional.dropout(torch.ones(64)))
        return made.loss(task, output, batch)

    trained(replace(made, loss=loss), group, separate=True)
    return found[0]


def all_found(group: Group, folder: Path) -> Found:
    found: Found = {name: trained(problem(0.0), group, **given) for name, given in CASES.items()}
    found["whole"] = trained(problem(0.5), group, into=folder / f"kept-{group.rank()}")
    distributed.barrier(group)  # until the first rank has kept its state
    found["gone on"] = trained(problem(0.5), group, resume=torch.load(folder / "kept-0", weights_only=True))
    found["seen apart"] = seen_apart(group)
    return found | {"broken": [broken_on(place, group) for place in range(RANKS)], "masks": masks(group)}


pytestmark = pytest.mark.slow  # two processes send a message for each gradient


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """What each of two processes found."""
    return on_ranks(all_found, tmp_path_factory.mktemp("ranks"))


def assert_close(ours: Found, expected: Found, tolerance: float = 1e-4) -> None:
    """The same rows, with values that differ by rounding in single precision only."""
    for kind in ("history", "layers"):
        assert [row[:-1] for row in ours[kind]] == [row[:-1] for row in expected[kind]]
        values = [torch.tensor([row[-1] for row in found[kind]], dtype=torch.float64) for found in (ours, expected)]
        torch.testing.assert_close(*values, rtol=tolerance, atol=tolerance / 10)
    torch.testing.assert_close(ours["weights"], expected["weights"], rtol=tolerance, atol=tolerance / 10)


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
    assert_close(ranks[0][case], ranks[1][case], 0)


def test_dropout_masks_are_each_rank_s_own(ranks):
    assert not torch.equal(ranks[0]["masks"], ranks[1]["masks"])


def test_from_the_first_rank_s_state_all_go_on_as_if_never_stopped(ranks):
    """With dropout, whose masks on the other rank no state holds."""
    for rank in ranks:
        assert_close(rank["gone on"], rank["whole"], 0)


def test_what_ranks_evaluate_differently_counts_as_the_first_one_has_it(ranks):
    for rank in ranks:
        assert_close(rank["seen apart"], seen_apart(None))


def test_a_loss_that_breaks_on_one_rank_ends_all_with_the_words_of_one_process(ranks):
    alone = broken_on(0, None)
    assert alone == "the loss of two is nan (update 6): lower lr or rho"
    assert [rank["broken"] for rank in ranks] == [[alone, alone]] * 2
