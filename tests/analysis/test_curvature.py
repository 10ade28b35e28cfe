"""The curvature of a problem's losses: closed forms, tasks and their average, what is drawn, what comes out."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from samo.analysis.curvature import Measure, Reading, curvature, pieces, sets
from samo.analysis.parts.hessian import Hessian
from samo.models.multitask import MultiTaskNetwork
from samo.training.problem import Batch, Problem
from tests.problems import Rows, Snapshot, study_problem

CPU = torch.device("cpu")
N, D = 24, 30
SETTINGS = Measure(examples=N, eigenvalues=6, task_eigenvalues=2, probes=8, tolerance=1e-6, draws=2)


def regression(tasks: int) -> Problem:
    """A linear trunk D -> 1 with heads that multiply by 1 … K: task i's Hessian over the trunk is i^2 2 X'X / n."""
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(N, width, generator=generator, dtype=torch.float64) for width in (D, tasks))

    def network() -> nn.Module:
        made = MultiTaskNetwork(nn.Linear(D, 1, bias=False), [nn.Linear(1, 1, bias=False) for _ in range(tasks)])
        with torch.no_grad():
            for i, head in enumerate(made.heads, 1):
                head.weight.fill_(float(i))  # type: ignore[operator]
        return made.double().eval()

    return study_problem(
        tasks=tuple(f"task {i}" for i in range(1, tasks + 1)),
        network=network,
        forward=lambda network, batch, asked: network(batch[0], asked),
        loss=lambda i, output, batch: F.mse_loss(output.squeeze(1), batch[1][:, i]),
        splits={"train": Rows(x, y)},
    )


def frame(readings: list[Reading]) -> "pd.Series[float]":
    return pd.DataFrame(readings).set_index(["task", "draw", "measure"])["value"]


def hessian(problem: Problem, network: nn.Module, batches: list[Batch], tasks: Sequence[int]) -> Tensor:
    of = Hessian(pieces(problem, network, batches, tasks), list(network.trunk.parameters()))  # type: ignore[union-attr]
    return torch.stack([of @ e for e in torch.eye(D, dtype=torch.float64)])


@pytest.mark.parametrize("batch", [N, 6])
def test_linear_regression(batch):
    """The closed form, in one batch and in four."""
    problem = regression(3)
    network, drawn = problem.network(), sets(problem, batch, SETTINGS, CPU)
    found = frame(curvature(problem, network, drawn, SETTINGS, close=True))
    x = problem.splits["train"].tensors[0]  # type: ignore[attr-defined]
    gram = torch.linalg.eigvalsh(2 * x.T @ x / N).flip(0).numpy()
    mean = (1 + 4 + 9) / 3
    for draw in (0, 1):
        assert found["all", draw, "lambda_max"] == pytest.approx(mean * gram[0])
        assert found["all", draw, "lambda_ratio5"] == pytest.approx(gram[0] / gram[4])
        np.testing.assert_allclose([found["all", draw, f"eig_{i}"] for i in range(1, 7)], mean * gram[:6])
    for i in (1, 2, 3):
        np.testing.assert_allclose([found[f"task {i}", 0, f"eig_{j}"] for j in (1, 2)], i * i * gram[:2])
    assert found["all", 0, "trace"] == pytest.approx(mean * gram.sum(), rel=0.3)


def test_of_a_hessian_of_rank_four_there_is_no_fifth_eigenvalue_to_divide_by():
    problem, few = regression(1), SETTINGS.model_copy(update={"examples": 4})
    found = frame(curvature(problem, problem.network(), sets(problem, 4, few, CPU), few, close=False))
    assert abs(found["all", 0, "eig_5"]) < 1e-12 < found["all", 0, "eig_4"]
    assert np.isnan(found["all", 0, "lambda_ratio5"])


def test_a_task_counts_the_same_however_many_batches_hold_it():
    """Multi-input: the second batch has examples of the first task alone."""
    problem = regression(2)
    network, batches = problem.network(), sets(problem, 12, SETTINGS, CPU)[0]
    some = replace(problem, present=lambda batch: [0, 1] if batch is batches[0] else [0])
    first, second = ([hessian(problem, network, [b], [i]) for i in (0, 1)] for b in batches)
    found = hessian(some, network, batches, [0, 1])
    torch.testing.assert_close(found, ((first[0] + second[0]) / 2 + first[1]) / 2)
    torch.testing.assert_close(hessian(some, network, batches, [1]), first[1])


def test_a_draw_is_fixed_and_differs_from_the_next():
    problem = regression(1)
    some = SETTINGS.model_copy(update={"examples": 12})
    one, again = (sets(problem, 5, some, CPU) for _ in range(2))
    assert [len(batches) for batches in one] == [2, 2]
    assert all(torch.equal(a[0], b[0]) for x, y in zip(one, again, strict=True) for a, b in zip(x, y, strict=True))
    assert not torch.equal(one[0][0][0], one[1][0][0])
    more = SETTINGS.model_copy(update={"draws": 3, "examples": 1000, "batch": 1000})
    assert [[len(b[0]) for b in batches] for batches in sets(problem, 5, more, CPU)] == [[N]] * 3


def test_a_closer_look_and_a_short_one():
    problem = regression(2)
    network, drawn = problem.network(), sets(problem, N, SETTINGS, CPU)
    close, short = (frame(curvature(problem, network, drawn, SETTINGS, close=c)) for c in (True, False))
    assert {(t, d) for t, d, _ in close.index} == {("all", 0), ("all", 1), ("task 1", 0), ("task 2", 0)}
    assert {(t, d) for t, d, _ in short.index} == {("all", 0)}
    assert {"trace", "sharpness_ball", "sharpness_first_order"} <= {m for _, _, m in short.index}
    assert {key: close.to_dict()[key] for key in short.to_dict()} == pytest.approx(short.to_dict())
    less = SETTINGS.model_copy(update={"eigenvalues": 2, "task_eigenvalues": 0, "probes": 0, "steps": 0})
    found = frame(curvature(problem, network, drawn, less, close=True))
    assert {m for _, _, m in found.index} == {"lambda_max", "eig_1", "eig_2"}
    assert {t for t, _, _ in found.index} == {"all"}


def test_it_leaves_the_network_as_it_was_and_gives_the_same_twice():
    problem = regression(2)
    network, drawn = problem.network(), sets(problem, 6, SETTINGS, CPU)
    before = Snapshot.of(network)
    first = curvature(problem, network, drawn, SETTINGS, close=True)
    np.testing.assert_equal(curvature(problem, network, drawn, SETTINGS, close=True), first)
    before.assert_equal(Snapshot.of(network))
    assert all(p.grad is None for p in network.parameters())


def test_a_network_that_broke_down_is_nan():
    problem = regression(1)
    network, drawn = problem.network(), sets(problem, N, SETTINGS, CPU)
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
        network.heads[0].weight.fill_(float("nan"))  # type: ignore[union-attr, index]
    readings = curvature(problem, network, drawn, SETTINGS, close=False)
    assert all(np.isnan(reading.value) for reading in readings)
    assert len(readings) > 5
