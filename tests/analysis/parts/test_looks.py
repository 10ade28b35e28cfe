"""What is remembered along a training: each task's own last gradient, and the mean that `samo-remembered` keeps."""

from functools import partial

import torch

from samo.analysis.parts.looks import plain_training
from samo.optim.jacobian import as_rows, task_gradients
from samo.optim.perturbation import Vector
from tests.problems import Snapshot, as_study, problem


def test_gradients_of_the_places_before_are_remembered_and_their_mean_starts_with_the_first() -> None:
    case = problem(2)
    trunk = list(case.network.trunk.parameters())
    batches = [(case.x + n, case.y) for n in range(6)]
    seen: list[list[Vector]] = []
    study, wanted = as_study(case), {1, 2, 4}.__contains__
    for place in plain_training(study, case.network, batches, lr=0.01, decay=0.75, seed=0, wanted=wanted):
        assert place.update == (1, 2, 4)[len(seen)]
        before = Snapshot.of(case.network)
        losses = partial(study.losses, case.network, batches[place.update])
        for row, own in zip(place.looked.rows, task_gradients(losses, trunk, range(2)), strict=True):
            torch.testing.assert_close(row, as_rows(own, trunk))
        Snapshot.of(case.network).assert_equal(before)
        assert len(place.last) == len(place.mean) == (2 if seen else 0)
        for task in range(2 if seen else 0):
            torch.testing.assert_close(place.last[task], seen[-1][task])
            mean = seen[0][task]
            for rows in seen[1:]:
                mean = [0.75 * old + 0.25 * new for old, new in zip(mean, rows[task], strict=True)]
            torch.testing.assert_close(place.mean[task], mean)
        seen.append([list(row) for row in place.looked.rows])
    assert len(seen) == 3
