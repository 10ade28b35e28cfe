import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from samo.models.multitask import MultiTaskNetwork
from samo.problem import Metric, Problem
from samo.settings import Training
from samo.sharpness import preset
from samo.train import DivergedError, Recipe, conflict, evaluate, fit

TASKS = ("one", "two")
CPU = torch.device("cpu")


class MadeSplit:
    """Regression on a made linear law, with noise enough that a network can overfit."""

    def __init__(self, n: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.x = torch.randn(n, 4, generator=generator)
        law = torch.tensor([[1.0, -1, 0.5, 0], [0.5, 1, 0, -1]])
        self.y = self.x @ law.T + 0.1 * torch.randn(n, 2, generator=generator)
        self.asked = 0

    def __len__(self) -> int:
        return len(self.x)

    def batches(self, size, device, shuffle=None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        self.asked += 1
        order = torch.arange(len(self)) if shuffle is None else torch.randperm(len(self), generator=shuffle)
        for start in range(0, len(self) - (len(self) % size if shuffle is not None else 0), size):
            chosen = order[start : start + size]
            yield self.x[chosen].to(device), self.y[chosen].to(device)


class Squares:
    """Mean squared error a task."""

    def __init__(self) -> None:
        self.errors: list[torch.Tensor] = []

    def update(self, outputs, batch):
        self.errors.append(torch.stack([(o - batch[1][:, i]) ** 2 for i, o in outputs.items()]))

    def compute(self):
        mean = torch.cat(self.errors, 1).mean(1)
        return {task: {"mse": float(mean[i])} for i, task in enumerate(TASKS)}


class Flat(nn.Module):
    def forward(self, x):
        return x[..., 0]


def plain_network() -> MultiTaskNetwork:
    return MultiTaskNetwork(
        nn.Sequential(nn.Linear(4, 8), nn.Tanh()), [nn.Sequential(nn.Linear(8, 1), Flat()) for _ in TASKS]
    )


@pytest.fixture
def problem() -> Problem:
    def network():
        trunk = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.Tanh())
        return MultiTaskNetwork(trunk, [nn.Sequential(nn.Linear(8, 1), Flat()) for _ in TASKS])

    return Problem(
        tasks=TASKS,
        metrics=tuple(Metric(task, "mse", higher_is_better=False, unit="") for task in TASKS),
        network=network,
        forward=lambda network, batch, tasks: network(batch[0], tasks),
        loss=lambda task, output, batch: ((output - batch[1][:, task]) ** 2).mean(),
        meter=Squares,
        splits={"train": MadeSplit(70, 0), "val": MadeSplit(33, 1), "test": MadeSplit(33, 2)},
        score=lambda values: -sum(values[task]["mse"] for task in TASKS),
    )


def recipe(**changes: Any) -> Recipe:
    given: dict[str, Any] = {"aggregator": "ls", "sharpness": preset("none"), "lr": 0.02, "epochs": 3, "seed": 0}
    fields = {name: changes.pop(name) for name in list(changes) if name in Training.model_fields and name != "epochs"}
    training = Training(**{"batch": 16, "epochs": 3, "search_epochs": 1} | fields)
    return Recipe(**given | {"training": training} | changes)


@pytest.mark.parametrize("sharpness", ["none", "samo", "fmtl", "msam"])
@pytest.mark.parametrize("aggregator", ["ls", "mgda", "famo"])
def test_training_lowers_the_loss_and_repeats_bit_for_bit(problem, aggregator, sharpness):
    plan = recipe(aggregator=aggregator, sharpness=preset(sharpness, rho=0.01), epochs=8)
    first, second = (fit(problem, plan, ("val",)) for _ in range(2))
    assert first.history == second.history
    losses = [row.value for row in first.history if row.split == "val" and row.metric == "loss"]
    assert sum(losses[-2:]) < 0.7 * sum(losses[:2])


def test_another_seed_is_another_training(problem):
    assert fit(problem, recipe(), ("val",)).history != fit(problem, recipe(seed=1), ("val",)).history


def test_the_history_has_every_epoch_split_task_and_metric(problem):
    history = fit(problem, recipe(), ("val", "test")).history
    for epoch in (1, 2, 3):
        found = {(r.split, r.task, r.metric) for r in history if r.epoch == epoch}
        assert found == {("train", t, "loss") for t in TASKS} | {
            (split, t, metric) for split in ("val", "test") for t in TASKS for metric in ("loss", "mse")
        } | {("probe", "all", metric) for metric in ("cosine_mean", "cosine_min", "conflict_share")}


def test_a_split_that_is_not_asked_for_is_never_read(problem):
    fit(problem, recipe(), ("val",), every_epoch=False)
    assert problem.splits["test"].asked == 0
    assert problem.splits["val"].asked == 1


def test_evaluating_more_often_changes_no_weight(problem):
    often = fit(problem, recipe(), ("val", "test"), every_epoch=True)
    seldom = fit(problem, recipe(), ("val",), every_epoch=False)
    for a, b in zip(often.network.state_dict().values(), seldom.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_separate_networks_train_as_each_would_alone(problem):
    """STL on all tasks at once gives task 0 the very network that training on task 0 alone gives."""

    class OfTaskOne(Squares):
        def compute(self):
            mean = torch.cat(self.errors, 1).mean(1)
            return {"one": {"mse": float(mean[0])}}

    def network():
        whole = problem.network()
        # Dropout draws once for each network that runs: alone, there is one draw fewer. None is needed here.
        return MultiTaskNetwork(whole.trunk, whole.heads[:1])

    def without_dropout(build):
        def made():
            network = build()
            network.trunk[2].p = 0.0
            return network

        return made

    quiet = dataclasses.replace(problem, network=without_dropout(problem.network))
    alone = dataclasses.replace(problem, tasks=TASKS[:1], network=without_dropout(network), meter=OfTaskOne)
    both = fit(quiet, recipe(separate=True, epochs=2), ("val",))
    one = fit(alone, recipe(epochs=2), ("val",))
    assert [r.value for r in both.history if r.task == "one"] == [r.value for r in one.history if r.task == "one"]


def test_evaluation_is_over_all_examples_and_leaves_the_mode(problem):
    torch.manual_seed(0)
    network = problem.network().train()
    values = evaluate(problem, network, "val", CPU)
    assert network.training
    split = problem.splits["val"]
    network.eval()
    outputs = network(split.x, (0, 1))
    for i, task in enumerate(TASKS):
        expected = float(((outputs[i] - split.y[:, i]) ** 2).mean().detach())
        assert values[task]["loss"] == pytest.approx(expected, rel=1e-5)
        assert values[task]["mse"] == pytest.approx(expected, rel=1e-5)


def test_conflict_is_the_cosine_of_the_task_gradients(problem):
    torch.manual_seed(0)
    network = problem.network().train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    (found,) = conflict(problem, network, CPU)
    assert network.training
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    network.eval()
    batch = problem.splits["train"].x, problem.splits["train"].y
    gradients = []
    for i in (0, 1):
        (loss,) = problem.losses(network, batch, [i])
        gradients.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(network.trunk.parameters()))]))
    assert float(found) == pytest.approx(float(torch.cosine_similarity(gradients[0], gradients[1], dim=0)), abs=1e-5)


def test_a_training_that_blows_up_says_so(problem):
    with pytest.raises(DivergedError, match=r"task 0 is (inf|nan).*epoch 1, step 1, tasks one, two.*lower lr or rho"):
        fit(problem, recipe(sharpness=preset("gsam", rho=1e30)), ("val",))


def test_the_plateau_schedule_goes_by_the_validation_score(problem):
    plan = recipe(schedule="plateau", patience=0, lr=0.0, epochs=3)
    fit(problem, plan, ("val",), every_epoch=False)
    # Asked after each epoch, though only the last one's values are wanted.
    assert problem.splits["val"].asked == 3
    assert problem.splits["test"].asked == 0


def test_clipping_bounds_the_trunk_gradient_only(problem, monkeypatch):
    seen = {}
    step = torch.optim.Adam.step

    def spy(self, *args, **kwargs):
        norms = [float(p.grad.norm()) for p in self.param_groups[0]["params"] if p.grad is not None]
        seen["trunk"] = math.hypot(*norms[:4])
        seen["heads"] = math.hypot(*norms[4:])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    fit(problem, recipe(clip=1e-3, epochs=1), ("val",))
    assert seen["trunk"] == pytest.approx(1e-3, rel=1e-3)
    assert seen["heads"] > 1e-2


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_the_step_by_hand(problem, momentum):
    """v <- momentum v + g + decay w, w <- w - lr v, over the same batches in the same order."""
    lr, decay = 0.05, 0.01
    plain = dataclasses.replace(problem, network=plain_network)
    plan = recipe(optimizer="sgd", momentum=momentum, weight_decay=decay, lr=lr, epochs=2)
    found = fit(plain, plan, ("val",), every_epoch=False).network

    torch.manual_seed(plan.seed)
    network, order = plain_network(), torch.Generator().manual_seed(plan.seed)
    weights = list(network.parameters())
    speed = [torch.zeros_like(w) for w in weights]
    for _ in range(plan.epochs):
        for batch in problem.splits["train"].batches(plan.training.batch, CPU, order):
            total = sum(problem.losses(network, batch, (0, 1)))
            gradients = torch.autograd.grad(total, weights)
            with torch.no_grad():
                for w, v, g in zip(weights, speed, gradients, strict=True):
                    v.mul_(momentum).add_(g + decay * w)
                    w.sub_(lr * v)
    for ours, expected in zip(found.parameters(), weights, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-6)


def test_momentum_makes_a_difference(problem):
    without, with_it = (fit(problem, recipe(optimizer="sgd", momentum=m), ("val",)).history for m in (0.0, 0.9))
    assert without != with_it


def test_adam_is_what_a_training_gets_that_names_none(problem):
    unnamed, named = (fit(problem, recipe(**fields), ("val",)).history for fields in ({}, {"optimizer": "adam"}))
    assert unnamed == named
    assert unnamed != fit(problem, recipe(optimizer="sgd"), ("val",)).history
