"""What holds for every dataset: a new one is a line of `made_raw.SMALL`, without which its tests fail."""

from typing import Any

import pytest
import torch
from torch import nn

from samo import datasets
from samo.models.multitask import MultiTaskNetwork, SeparateNetworks
from samo.training.agreement import probe
from samo.training.evaluation import evaluate
from samo.training.problem import Batch, Problem
from tests.datasets.made_raw import prepared, problem

CPU = torch.device("cpu")
CASES: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in datasets.names()),
    ("celeba", {"network": "resnet18"}),
    ("scenes", {"network": "segnet"}),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: " ".join([case[0], *case[1].values()]))
def made(request, tmp_path_factory) -> tuple[Problem, MultiTaskNetwork, Batch]:
    """A problem, its network, and a batch to train on."""
    name, training = request.param
    found = problem(name, prepared(name, tmp_path_factory.mktemp(name)), **training)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = found.network()
    assert isinstance(network, MultiTaskNetwork)
    return found, network, next(found.splits["train"].batches(4, CPU, torch.Generator().manual_seed(0)))


def test_outputs_come_as_asked_and_alone_as_together(made):
    found, network, batch = made
    tasks = list(range(len(found.tasks)))
    network.eval()
    whole = found.forward(network, batch, tasks)
    for task, turned in zip(reversed(tasks), found.forward(network, batch, tasks[::-1]), strict=True):
        torch.testing.assert_close(turned, whole[task])
    last = tasks[-1:]
    for other in (network, SeparateNetworks(network).eval()):  # at first the single-task networks are the shared one
        torch.testing.assert_close(found.forward(other, batch, last)[0], whole[last[0]])


def test_every_metric_is_measured_and_a_better_one_makes_a_better_score(made):
    found, network, _ = made
    values = evaluate(found, network, "test", CPU)
    names = {task: [m.name for m in found.metrics if m.task == task] for task in found.tasks}
    assert {task: [name for name in by_name if name != "loss"] for task, by_name in values.items()} == names
    assert all(torch.isfinite(torch.tensor(list(by_name.values()))).all() for by_name in values.values())
    for task in found.tasks:
        one, other = ({t: dict(v) for t, v in values.items()} for _ in range(2))
        for metric in (m for m in found.metrics if m.task == task):
            one[task][metric.name], other[task][metric.name] = (1.0, 2.0) if metric.higher_is_better else (2.0, 1.0)
        assert found.score(other) > found.score(one)


def test_a_few_steps_lower_every_tasks_loss_through_all_weights(made):
    found, network, batch = made
    torch.manual_seed(0)
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    history = []
    for _ in range(6):
        optimizer.zero_grad()
        losses = found.losses(network, batch, range(len(found.tasks)))
        torch.stack(losses).sum().backward()
        optimizer.step()
        history.append(torch.stack(losses).detach())
    trained = [p for p in network.parameters() if p.requires_grad]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in trained)
    assert all(loss.shape == () for loss in losses)
    assert history[-1].sum() < history[0].sum()
    J = probe(found, network, CPU)
    assert J.shape == (len(found.tasks), sum(p.numel() for p in network.trunk.parameters() if p.requires_grad))
    assert bool(J.any(1).all())
