"""A network's losses and metrics over a whole split."""

from collections.abc import Sequence

import torch
from torch import nn

from samo.optim.process_group import ALONE, Ranks
from samo.training.problem import Problem, Values

EVALUATION_BATCH = 500


def evaluate(problem: Problem, network: nn.Module, split: str, device: torch.device, ranks: Ranks = ALONE) -> Values:
    """Loss and metrics of every task over a whole split, in eval mode; the mode is put back.

    Each rank evaluates all of it, so that none waits, and all have the first one's numbers: a GPU's may differ from
    another's in the last digits, and what is chosen by them must not.
    """
    training = network.training
    network.eval()
    tasks: Sequence[int] = range(len(problem.tasks))
    meter, total, seen = problem.meter(), [0.0] * len(problem.tasks), [0] * len(problem.tasks)
    with torch.no_grad():
        for batch in problem.splits[split].batches(EVALUATION_BATCH, device):
            held = tasks if problem.present is None else problem.present(batch)
            outputs = dict(zip(held, problem.forward(network, batch, held), strict=True))
            for i, output in outputs.items():
                seen[i] += len(output)
                total[i] += len(output) * float(problem.loss(i, output, batch))
            meter.update(outputs, batch)
    network.train(training)
    values = meter.compute()
    found = {task: {"loss": total[i] / max(1, seen[i]), **values[task]} for i, task in enumerate(problem.tasks)}
    return found if ranks.group is None else _of_first(found, device, ranks)


def _of_first(values: Values, device: torch.device, ranks: Ranks) -> Values:
    numbers = iter(ranks.of_first([value for by_name in values.values() for value in by_name.values()], device))
    return {task: {name: next(numbers) for name in by_name} for task, by_name in values.items()}
