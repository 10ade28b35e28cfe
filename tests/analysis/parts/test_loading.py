"""What loading is said to take is what it takes, by a clock that only made work moves."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from samo.analysis.parts.loading import Loading, measure
from samo.models.multitask import MultiTaskNetwork
from samo.training.problem import Batch, Problem
from samo.training.settings import Training
from tests.problems import Rows, study_problem

CPU = torch.device("cpu")


class Clock:
    """Stands still but for the made work."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Costly(Rows):
    """Each batch takes the next of `costs` by the clock, again from the first when they have run out."""

    def __init__(self, clock: Clock, costs: Sequence[float], examples: int) -> None:
        super().__init__(torch.randn(examples, 4, generator=torch.Generator().manual_seed(0)))
        self.clock, self.costs, self.made = clock, costs, list[Tensor]()

    def batches(self, *given: Any) -> Iterator[Tensor]:
        for batch in super().batches(*given):
            self.clock.seconds += self.costs[len(self.made) % len(self.costs)]
            self.made.append(batch)
            yield batch


def made(clock: Clock, *costs: float, step: float = 10.0, examples: int = 64) -> Problem:
    """A problem of two tasks whose forward pass, of all tasks, takes `step` seconds by the clock."""

    def forward(network: nn.Module, batch: Batch, tasks: Sequence[int]) -> Sequence[Tensor]:
        clock.seconds += step
        outputs: Sequence[Tensor] = network(batch, tasks)
        return outputs

    return study_problem(
        tasks=("one", "two"),
        network=lambda: MultiTaskNetwork(nn.Linear(4, 8), [nn.Linear(8, 1) for _ in range(2)]),
        forward=forward,
        loss=lambda task, output, batch: (output - task).square().mean(),
        splits={"train": Costly(clock, costs, examples)},
    )


def share(clock: Clock, problem: Problem, repeats: int = 8, **training: object) -> Loading:
    settings = Training.model_validate({"batch": 8, **training})
    return measure(problem, settings, torch.Generator().manual_seed(1), CPU, repeats=repeats, clocks={"made": clock})


@pytest.mark.parametrize(("step", "keeps_up"), [(40.0, True), (30.0, False)])
def test_the_median_and_the_quartiles_are_of_the_rounds_that_count(step: float, keeps_up: bool) -> None:
    """The first two are the warm-up's; of the seven that count the quartiles are the second, fourth and sixth."""
    clock = Clock()
    problem = made(clock, 500.0, 500.0, 7.0, 1.0, 2.0, 6.0, 5.0, 3.0, 4.0, step=step, examples=72)
    found = share(clock, problem, repeats=7)
    assert (found.batch_seconds, found.step_seconds) == (4.0, step)
    assert (found.share_low, found.share, found.share_high) == pytest.approx((2 / step, 4 / step, 6 / step))
    assert found.keeps_up is keeps_up


def test_the_step_is_the_whole_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what clipping and the optimiser take, and whatever optimiser the training names."""
    clock = Clock()

    def taking(seconds: float, function: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*args: Any, **kwargs: Any) -> Any:
            clock.seconds += seconds
            return function(*args, **kwargs)

        return slow

    monkeypatch.setattr(torch.optim.SGD, "step", taking(3.0, torch.optim.SGD.step))
    monkeypatch.setattr(nn.utils, "clip_grad_norm_", taking(2.0, nn.utils.clip_grad_norm_))
    assert share(clock, made(clock, 1.0)).step_seconds == 10.0
    assert share(clock, made(clock, 1.0), optimizer="sgd", clip=1.0).step_seconds == 15.0


def test_batches_are_those_of_training_one_pass_after_another() -> None:
    """Shuffled by the generator given, and begun anew where a pass is shorter than the measurement."""
    clock = Clock()
    problem = made(clock, 1.0, examples=29)  # three batches of 8 a pass
    share(clock, problem, repeats=4)
    split, again = problem.splits["train"], torch.Generator().manual_seed(1)
    expected = [batch for _ in range(2) for batch in Rows(*split.tensors).batches(8, CPU, again)]  # type: ignore[attr-defined]
    assert torch.equal(torch.stack(split.made), torch.stack(expected))  # type: ignore[attr-defined]


def test_the_clock_by_which_loading_takes_more_decides() -> None:
    """A clock that also counts what batches wait for is believed, wherever it stands."""
    work = Clock()
    problem = made(work, 0.5, step=10.0)
    split = problem.splits["train"]
    clocks: dict[str, Callable[[], float]] = {"work": work, "wall": lambda: work.seconds + 4.0 * len(split.made)}  # type: ignore[attr-defined]
    for order in (["work", "wall"], ["wall", "work"]):
        training, generator = Training(batch=8), torch.Generator().manual_seed(0)
        found = measure(problem, training, generator, CPU, repeats=3, clocks={name: clocks[name] for name in order})
        assert found == Loading("wall", 4.5, 10.0, 0.45, 0.45, 0.45)
