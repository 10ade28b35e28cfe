"""What loading is said to take is what it takes, by a clock that only made work moves."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from samo.analysis.parts.loading import LIMIT, Loading, clocks_on, measure
from samo.models.multitask import MultiTaskNetwork
from samo.training.problem import Batch, Problem
from samo.training.settings import Training

CPU = torch.device("cpu")


class Clock:
    """Stands still but for the made work."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class MadeSplit:
    """Regression; each batch takes the next of `costs`, again from the first when they have run out.

    Args:
        clock: what the making of a batch moves.
        costs: seconds a batch.
        examples: how many there are.
    """

    def __init__(self, clock: Clock, costs: Sequence[float], examples: int) -> None:
        self.clock, self.costs = clock, costs
        self.x = torch.randn(examples, 4, generator=torch.Generator().manual_seed(0))
        self.epochs: list[torch.Generator | None] = []
        self.made: list[Tensor] = []

    def __len__(self) -> int:
        return len(self.x)

    def batches(
        self, size: int, device: torch.device, shuffle: torch.Generator | None = None, group: Any = None
    ) -> Iterator[Tensor]:
        self.epochs.append(shuffle)
        order = torch.randperm(len(self), generator=shuffle)
        for start in range(0, len(self) - len(self) % size, size):
            self.clock.seconds += self.costs[len(self.made) % len(self.costs)]
            self.made.append(order[start : start + size])
            yield self.x[self.made[-1]].to(device)


def made(clock: Clock, *costs: float, step: float = 10.0, examples: int = 64) -> Problem:
    """A problem of two tasks whose forward pass, of all tasks, takes `step` seconds by the clock."""

    def forward(network: nn.Module, batch: Batch, tasks: Sequence[int]) -> Sequence[Tensor]:
        clock.seconds += step
        outputs: Sequence[Tensor] = network(batch, tasks)
        return outputs

    def nothing() -> None:
        raise AssertionError("only the training split is measured")

    return Problem(
        tasks=("one", "two"),
        metrics=(),
        network=lambda: MultiTaskNetwork(nn.Linear(4, 8), [nn.Linear(8, 1) for _ in range(2)]),
        forward=forward,
        loss=lambda task, output, batch: (output - task).square().mean(),
        meter=nothing,  # type: ignore[arg-type]
        splits={"train": MadeSplit(clock, costs, examples)},
        score=lambda values: 0.0,
    )


def share(clock: Clock, problem: Problem, repeats: int = 8, **training: object) -> Loading:
    settings = Training.model_validate({"batch": 8, **training})
    return measure(problem, settings, torch.Generator().manual_seed(1), CPU, repeats=repeats, clocks={"made": clock})


@pytest.mark.parametrize(("cost", "keeps_up"), [(0.5, True), (1.0, True), (1.5, False), (30.0, False)])
def test_a_slow_loader_is_seen_as_slow(cost: float, keeps_up: bool) -> None:
    clock = Clock()
    found = share(clock, made(clock, cost, step=10.0))
    assert (found.batch_seconds, found.step_seconds) == (cost, 10.0)
    assert found.share == found.share_low == found.share_high == cost / 10.0
    assert found.keeps_up is keeps_up
    assert LIMIT == 0.1


def test_the_median_and_the_quartiles_are_of_the_rounds_that_count() -> None:
    clock = Clock()
    # The first two are the warm-up's; of the seven that count the quartiles are the second, fourth and sixth.
    found = share(clock, made(clock, 500.0, 500.0, 7.0, 1.0, 2.0, 6.0, 5.0, 3.0, 4.0, examples=72), repeats=7)
    assert found.batch_seconds == 4.0
    assert (found.share_low, found.share, found.share_high) == pytest.approx((0.2, 0.4, 0.6))


def test_the_step_is_the_whole_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what clipping and the optimiser take, and whatever optimiser the training names."""
    clock = Clock()

    def taking(seconds: float, function):
        def slow(*args, **kwargs):
            clock.seconds += seconds
            return function(*args, **kwargs)

        return slow

    monkeypatch.setattr(torch.optim.SGD, "step", taking(3.0, torch.optim.SGD.step))
    monkeypatch.setattr(nn.utils, "clip_grad_norm_", taking(2.0, nn.utils.clip_grad_norm_))
    assert share(clock, made(clock, 1.0)).step_seconds == 10.0
    assert share(clock, made(clock, 1.0), optimizer="sgd").step_seconds == 13.0
    assert share(clock, made(clock, 1.0), optimizer="sgd", clip=1.0).step_seconds == 15.0


def test_a_plain_step_is_one_pass_over_all_tasks_and_moves_no_weight() -> None:
    clock, networks, asked = Clock(), [], []
    problem = made(clock, 1.0)

    def network() -> nn.Module:
        networks.append(problem.network())
        return networks[-1]

    def forward(network: nn.Module, batch: Batch, tasks: Sequence[int]) -> Sequence[Tensor]:
        asked.append(list(tasks))
        return problem.forward(network, batch, tasks)

    torch.manual_seed(5)
    share(clock, replace(problem, network=network, forward=forward), repeats=4)
    torch.manual_seed(5)
    assert asked == [[0, 1]] * (2 + 4)
    [trained] = networks
    assert trained.training
    assert all(p.grad is not None for p in trained.parameters())
    for ours, fresh in zip(trained.parameters(), problem.network().parameters(), strict=True):
        assert torch.equal(ours, fresh)


def test_batches_are_those_of_training_epoch_after_epoch() -> None:
    """Shuffled by the generator given, and begun anew where an epoch is shorter than the measurement."""
    clock = Clock()
    problem = made(clock, 1.0, examples=29)  # three batches of 8 an epoch
    share(clock, problem, repeats=6)
    split = problem.splits["train"]
    assert isinstance(split, MadeSplit)
    assert len(split.made) == 2 + 6
    assert len(split.epochs) == 3
    assert all(shuffle is split.epochs[0] and shuffle is not None for shuffle in split.epochs)
    again = torch.Generator().manual_seed(1)
    for epoch in range(3):
        order = torch.randperm(29, generator=again)
        for n, batch in enumerate(split.made[3 * epoch : 3 * epoch + 3]):
            assert torch.equal(batch, order[8 * n : 8 * n + 8])


def test_the_clock_by_which_loading_takes_more_decides() -> None:
    """A clock that also counts what batches wait for is believed, wherever it stands."""
    work = Clock()
    problem = made(work, 0.5, step=10.0)
    split = problem.splits["train"]
    assert isinstance(split, MadeSplit)
    clocks: dict[str, Callable[[], float]] = {"work": work, "wall": lambda: work.seconds + 4.0 * len(split.made)}
    for order in (["work", "wall"], ["wall", "work"]):
        training, generator = Training(batch=8), torch.Generator().manual_seed(0)
        found = measure(problem, training, generator, CPU, repeats=3, clocks={name: clocks[name] for name in order})
        assert found == Loading("wall", 4.5, 10.0, 0.45, 0.45, 0.45)


def test_the_clocks_of_this_machine() -> None:
    """Both go forward; no bound on how fast."""
    clock = Clock()
    found = measure(made(clock, 1.0), Training(batch=8), torch.Generator(), CPU, repeats=2)
    assert found.clock in clocks_on(CPU)
    assert list(clocks_on(CPU)) == ["wall", "process"]
    assert found.batch_seconds > 0
    assert found.step_seconds > 0
    assert found.share_low <= found.share <= found.share_high


def test_fewer_examples_than_a_batch_are_refused() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match=r"training.batch = 8: at most 7"):
        share(clock, made(clock, 1.0, examples=7))
    assert share(clock, made(clock, 1.0, examples=8)).share == 0.1
