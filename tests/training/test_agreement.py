"""What is noted on the agreement of task gradients: exact on made gradients, and without a trace in the training."""

import dataclasses
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from samo.models.multitask import MultiTaskNetwork, TaskTrunk
from samo.optim.parameters import TrunkAndHeads
from samo.optim.sharpness import preset
from samo.training.agreement import Batches, probe
from samo.training.loop import Fit, Row, fit
from samo.training.problem import Problem
from tests import problems
from tests.training.learnable import recipe

CPU = torch.device("cpu")
METRICS = {"cosine_mean", "cosine_min", "conflict_share", "magnitude_ratio", "minibatch_conflict"}


class Opposed(TaskTrunk):
    """The tasks want opposite things of the tensor `first`, the same of `second`, and one of them alone uses `own`."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.own = (nn.Parameter(torch.ones(1)) for _ in range(3))

    def single(self, task: int) -> "Opposed":
        raise NotImplementedError

    def forward(self, x: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        return [x * (self.second + (self.own - self.first if i else self.first)) for i in tasks]


@pytest.fixture
def opposed() -> Problem:
    return problems.study_problem(
        tasks=("one", "two"),
        network=lambda: MultiTaskNetwork(Opposed(), [nn.Identity(), nn.Identity()]),
        forward=lambda network, batch, tasks: network(batch, tasks),
        loss=lambda task, output, batch: (1 + task) * output.mean(),
        splits={"train": problems.Rows(torch.ones(60, 1))},
        probe=10,
    )


def rows(found: Fit, metric: str) -> list[Row]:
    return [row for row in found.history if row.metric == metric]


def test_each_layer_has_its_own_cosine_before_training_and_at_each_evaluation(opposed: Problem) -> None:
    found = fit(opposed, recipe(updates=6, evaluations=2, conflict_batches=1), ())
    assert [(row.update, row.layer, row.position) for row in found.layers] == [
        (update, layer, position) for update in (0, 3, 6) for layer, position in (("first", 0.0), ("second", 0.5))
    ]
    assert [row.cosine for row in found.layers] == pytest.approx([-1, 1] * 3)
    # Gradients (1, 1, 0) and 2 (-1, 1, 1): at right angles, though one layer is in full conflict.
    assert [row.value for row in rows(found, "cosine_mean")] == pytest.approx([0, 0], abs=1e-7)
    assert [row.value for row in rows(found, "magnitude_ratio")] == pytest.approx([2**0.5 / 12**0.5] * 2)
    assert [(row.split, row.task, row.value) for row in rows(found, "minibatch_conflict")] == [("train", "all", 0)] * 2


def test_a_frozen_tensor_has_no_row_and_keeps_the_others_places(opposed: Problem) -> None:
    def network() -> nn.Module:
        made = opposed.network()
        made.get_parameter("trunk.first").requires_grad_(False)
        return made

    found = fit(dataclasses.replace(opposed, network=network), recipe(updates=3, evaluations=1), ())
    assert [(row.layer, row.position) for row in found.layers] == [("second", 0.5)] * 2


@pytest.mark.parametrize(("count", "looked"), [(0, []), (1, [10]), (3, [4, 7, 10]), (5, [2, 4, 6, 8, 10]), (99, None)])
def test_looks_are_spread_evenly_over_the_steps(count: int, looked: list[int] | None) -> None:
    theta = nn.Parameter(torch.ones(1))
    batches = Batches(TrunkAndHeads([theta], [(), ()]), [10], count)
    seen = []

    def closure(tasks: Sequence[int]) -> list[Tensor]:
        seen.append(step)
        return [theta.sum() for _ in tasks]

    for step in range(1, 11):
        batches.look(step, closure)
    assert seen == (list(range(1, 11)) if looked is None else looked)


def test_the_share_counts_batches_and_pairs_below_zero_exactly() -> None:
    """Three tasks with gradients 1, `sign` and 1: two of three pairs conflict where the sign is -1, none elsewhere."""
    theta = nn.Parameter(torch.ones(1))
    batches = Batches(TrunkAndHeads([theta], [(), (), ()]), [8, 16], count=4)
    signs = {1: -1, 2: -1, 3: -1, 4: 1, 5: -1, 6: -1, 7: -1, 8: 0}

    def closure_of(step: int):
        return lambda tasks: [theta.sum() * (signs[step] if i == 1 else 1) for i in tasks]

    for start in (0, 8):  # each evaluation starts anew
        for step in signs:
            batches.look(start + step, closure_of(step))
        assert batches.share() == pytest.approx((2 / 3 + 0 + 2 / 3 + 0) / 4)
        assert batches.share() is None


def test_a_look_sees_the_gradients_that_a_plain_step_takes() -> None:
    case = problems.problem(5, batchnorm=True, dropout=0.5)
    update = problems.update_of(case, "mgda")
    batches = Batches(update.network, range(1, 13), count=1)
    optimizer = torch.optim.SGD(case.network.parameters(), lr=0.5)
    first, second = torch.triu_indices(5, 5, offset=1)
    shares = set()
    for n in range(12):
        batches.look(n + 1, case.closure)
        share = batches.share()
        update.step(case.closure, optimizer)
        assert update.last is not None
        assert update.last.cosines is not None
        assert share == pytest.approx(float((update.last.cosines[first, second] < 0).double().mean()))
        shares.add(share)
    assert len(shares) > 2


@pytest.mark.parametrize(
    ("aggregator", "sharpness"), [("ls", "none"), ("mgda", "samo"), ("famo", "fmtl"), ("rlw", "msam")]
)
def test_training_is_the_same_however_it_is_watched(problem: Problem, aggregator: str, sharpness: str) -> None:
    def watched(count: int, *splits: str, along: bool = True) -> Fit:
        plan = recipe(aggregator=aggregator, sharpness=preset(sharpness, rho=0.01), conflict_batches=count)
        return fit(problem, plan, splits, along=along)

    looked, plain, seldom = watched(3, "val"), watched(0, "val"), watched(2, "val", "test", along=False)
    assert len(rows(looked, "minibatch_conflict")) == 3
    assert [row for row in looked.history if row.metric != "minibatch_conflict"] == plain.history
    assert looked.layers == plain.layers
    assert len(looked.layers) == 4 * len(list(looked.network.get_submodule("trunk").parameters()))
    for other in (plain, seldom):
        assert not rows(other, "minibatch_conflict")
        problems.same(list(looked.network.state_dict().values()), list(other.network.state_dict().values()))
    separate = fit(problem, recipe(conflict_batches=2, separate=True), ("val",))
    for found in (seldom, separate):  # these compare nothing
        assert not found.layers
        assert not [row for row in found.history if row.metric in METRICS]


def test_the_probe_takes_the_task_gradients_and_leaves_the_network_alone(problem: Problem) -> None:
    torch.manual_seed(0)
    network = problem.network().train()
    before = problems.Snapshot.of(network)
    J = probe(problem, network, CPU)
    before.assert_equal(problems.Snapshot.of(network))
    network.eval()
    split = problem.splits["train"]
    assert isinstance(split, problems.Rows)
    for i in (0, 1):
        (loss,) = problem.losses(network, split.tensors, [i])
        own = torch.autograd.grad(loss, list(network.get_submodule("trunk").parameters()))
        assert torch.allclose(J[i], torch.cat([g.flatten() for g in own]), atol=1e-6)
