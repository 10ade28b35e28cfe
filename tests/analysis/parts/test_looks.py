"""What is remembered along a training: each task's own last gradient, and the mean that `samo-remembered` keeps."""

from functools import partial

import pytest
import torch
from torch import Tensor

from samo import preset
from samo.analysis.parts.looks import Estimate, along
from samo.optim.jacobian import task_gradients
from tests.problems import Snapshot, as_study, problem

PLACES = (1, 2, 4)


def test_gradients_of_the_places_before_are_remembered_and_a_look_leaves_no_trace_in_training() -> None:
    case, again = problem(2, batchnorm=True, dropout=0.3), problem(2, batchnorm=True, dropout=0.3)
    study, batches = as_study(case), [(case.x + n, case.y) for n in range(6)]
    own = preset("samo-shared", rho=1.0, scope="local", normalise="none", estimator="remembered")
    compared = [Estimate("g0", own), Estimate("last", own, "last"), Estimate("mean", own, "mean")]
    found = along(study, case.network, batches, compared, at=PLACES, remembered=PLACES, lr=0.01, decay=0.75, seed=0)
    cosine = found[~found["layer_normalised"]].groupby(["update", "estimator"])["cosine"]
    random = torch.get_rng_state()

    torch.manual_seed(0)
    optimizer, known = torch.optim.Adam(again.network.parameters(), lr=0.01), dict[str, Tensor]()
    for update, batch in enumerate(batches):
        losses, before = partial(study.losses, again.network, batch), Snapshot.of(again.network)
        if update in PLACES:
            J = task_gradients(losses, again.network.trunk, range(2))
            again.network.load_state_dict(before.state)
            torch.set_rng_state(before.random)
            known["g0"] = J.mean(0).expand(2, -1)
            for name, *_ in compared:
                rows = known.get(name, known["g0"])  # nothing is remembered at the first place: g_0 stands in
                expected = torch.cosine_similarity(rows, J).tolist()
                assert cosine.get_group((update, name)).tolist() == pytest.approx(expected)
            known |= {"last": J, "mean": 0.75 * known["mean"] + 0.25 * J if "mean" in known else J}
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack(losses(range(2))).mean())
        optimizer.step()
    Snapshot.of(case.network).assert_equal(Snapshot.of(again.network))
    assert torch.equal(torch.get_rng_state(), random)
