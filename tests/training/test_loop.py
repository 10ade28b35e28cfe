import dataclasses
import math

import pytest
import torch

from samo import preset
from samo.models.multitask import MultiTaskNetwork
from samo.training.evaluation import evaluate, reported
from samo.training.loop import Row, fit
from samo.training.settings import Named, Training
from tests.training import learnable
from tests.training.learnable import PASS, TASKS, Squares, recipe

CPU = torch.device("cpu")


@pytest.mark.parametrize(("aggregator", "sharpness"), [("mgda", "samo"), ("famo", "fmtl")])
def test_training_lowers_the_loss(problem, aggregator, sharpness):
    plan = recipe(aggregator=aggregator, sharpness=preset(sharpness, rho=0.01), updates=8 * PASS, evaluations=8)
    losses = [row.value for row in fit(problem, plan, ("val",)).history if row.split == "val" and row.metric == "loss"]
    assert sum(losses[-2:]) < 0.7 * sum(losses[:2])


def test_the_history_has_every_evaluation_split_task_and_metric(problem):
    history = fit(problem, recipe(), ("val", "test")).history
    for update in (4, 8, 12):
        found = {(r.split, r.task, r.metric) for r in history if r.update == update}
        assert found == {("train", t, "loss") for t in TASKS} | {
            (split, t, metric) for split in ("val", "test") for t in TASKS for metric in ("loss", "mse")
        } | {("probe", "all", metric) for metric in ("cosine_mean", "cosine_min", "conflict_share", "magnitude_ratio")}


@pytest.mark.parametrize(("fields", "asked"), [({}, 1), ({"schedule": "plateau", "patience": 0, "lr": 0.0}, 3)])
def test_a_split_that_is_not_asked_for_is_never_read(problem, fields, asked):
    """The plateau goes by the validation score at each evaluation, though only the last one's values are wanted."""
    fit(problem, recipe(**fields), ("val",), along=False)
    assert problem.splits["test"].asked == 0
    assert problem.splits["val"].asked == asked


def test_separate_networks_train_as_each_would_alone():
    """Without dropout: it draws once for each network that runs, and alone there is one draw fewer."""

    class OfTaskOne(Squares):
        def compute(self):
            return {"one": {"mse": float(torch.cat(self.errors, 1).mean())}}

    both = learnable.problem(0.0)

    def of_task_one():
        whole = both.network()
        assert isinstance(whole, MultiTaskNetwork)
        return MultiTaskNetwork(whole.trunk, [whole.heads[0]])

    alone = dataclasses.replace(both, tasks=TASKS[:1], network=of_task_one, meter=OfTaskOne)
    together = fit(both, recipe(separate=True, updates=2 * PASS), ("val",)).history
    one = fit(alone, recipe(updates=2 * PASS), ("val",)).history
    assert [r.value for r in together if r.task == "one"] == [r.value for r in one if r.task == "one"]


def test_evaluation_is_over_all_examples_and_leaves_the_mode(problem):
    torch.manual_seed(0)
    network = problem.network().train()
    values = evaluate(problem, network, "val", CPU)
    assert network.training
    x, y = problem.splits["val"].tensors
    network.eval()
    evaluate(problem, network, "val", CPU)
    assert not network.training
    outputs = network(x, (0, 1))
    for i, task in enumerate(TASKS):
        expected = float(((outputs[i] - y[:, i]) ** 2).mean().detach())
        assert values[task]["loss"] == pytest.approx(expected, rel=1e-5)
        assert values[task]["mse"] == pytest.approx(expected, rel=1e-5)


def test_clipping_bounds_the_trunk_gradient_only(problem, monkeypatch):
    norms: list[float] = []
    step = torch.optim.Adam.step

    def spy(self, *args, **kwargs):
        norms[:] = [float(p.grad.norm()) for p in self.param_groups[0]["params"] if p.grad is not None]
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    fit(problem, recipe(clip=1e-3, updates=PASS), ("val",))
    assert math.hypot(*norms[:4]) == pytest.approx(1e-3, rel=1e-3)
    assert math.hypot(*norms[4:]) > 1e-2


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_the_step_by_hand(momentum):
    """v <- momentum v + g + decay w, w <- w - lr v, over the same batches in the same order."""
    problem, lr, decay = learnable.problem(0.0), 0.05, 0.01
    plan = recipe(optimizer=Named(name="sgd", momentum=momentum), weight_decay=decay, lr=lr, updates=2 * PASS)
    found = fit(problem, plan, ("val",), along=False).network

    torch.manual_seed(plan.seed)
    network, order = problem.network(), torch.Generator().manual_seed(plan.seed)
    weights = list(network.parameters())
    speed = [torch.zeros_like(w) for w in weights]
    for _ in range(2):
        for batch in problem.splits["train"].batches(plan.training.batch, CPU, order):
            total = torch.stack(problem.losses(network, batch, (0, 1))).sum()
            gradients = torch.autograd.grad(total, weights)
            with torch.no_grad():
                for w, v, g in zip(weights, speed, gradients, strict=True):
                    v.mul_(momentum).add_(g + decay * w)
                    w.sub_(lr * v)
    torch.testing.assert_close(list(found.parameters()), weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"reported": "last"}, 4.0),
        ({"reported": "best"}, 2.0),
        ({"reported": "mean-of-last", "last_evaluations": 2}, 6.5),
    ],
)
def test_the_evaluation_that_counts_goes_by_validation_alone(problem, rule, value):
    history = [
        Row(update, split, "one", "accuracy", value)
        for split, values in (("val", [10.0, 30.0, 30.0, 20.0]), ("test", [1.0, 2.0, 9.0, 4.0]))
        for update, value in enumerate(values, 1)
    ]
    by_accuracy = dataclasses.replace(problem, score=lambda values: values["one"]["accuracy"])
    assert reported(by_accuracy, history, Training(batch=1, **rule)) == {"one": {"accuracy": value}}
