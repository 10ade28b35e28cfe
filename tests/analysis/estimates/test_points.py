"""What is remembered at a place, what every estimate costs, and that the table is the mean over seeds."""

import pandas as pd
import pytest
import torch

from samo.analysis.estimates.points import KEYS, Options, along, estimates, table
from tests.problems import as_study, problem

SMALL = Options(at=[2, 9], looks=2, directions=2, rank=2, mu=1e-4, short=1e-5, memory=5)


def readings(tasks: int = 3, seed: int = 0, options: Options = SMALL) -> pd.DataFrame:
    case = problem(tasks)
    noise = torch.randn(12, *case.x.shape, generator=torch.Generator().manual_seed(0))
    batches = [(case.x + 0.01 * n, case.y) for n in noise]
    return along(as_study(case), case.network, batches, options, seed)


def test_every_place_is_looked_at_with_every_estimate_the_same_for_one_seed() -> None:
    found = readings()
    assert list(found["update"].unique()) == [2, 9]
    assert list(found["estimate"].unique()) == [estimate.name for estimate in estimates(SMALL, problem(3).network)]
    assert (found.groupby(["update", "look", "estimate", "layer_normalised"]).size() == 3).all()  # a task each
    means = found[~found["layer_normalised"]].groupby("estimate")["cosine"].mean()
    assert means["last gradient"] > 0.9  # nearly the same batch, and weights that have moved little
    assert means["last gradient"] > means["running mean, 0.9"] > means["probe"] > 0
    pd.testing.assert_frame_equal(found, readings())
    assert not found.equals(readings(seed=1))


def test_of_one_task_the_global_gradient_is_its_own() -> None:
    found = readings(tasks=1)
    assert found[found["estimate"] == "g_0"]["cosine"].to_numpy() == pytest.approx(1)


def test_batch_statistics_are_looked_at_where_there_is_batchnorm() -> None:
    names = [estimate.name for estimate in estimates(SMALL, problem(2, batchnorm=True).network)]
    assert names[-1] == "probe, 2 directions, batch statistics"
    assert names[:-1] == [estimate.name for estimate in estimates(SMALL, problem(2).network)]


def test_the_table_is_the_mean_over_seeds_of_their_means_with_the_passes_and_rows_of_the_methods() -> None:
    """Passes as the docstrings count: 3 + 5K for SAMO, 3 + 3K without a probe, 6 for one global point."""
    both = [readings(seed=seed).assign(dataset="made", batch=7, seed=seed) for seed in (0, 1)]
    found = table(pd.concat(both), SMALL, problem(3).network)
    assert list(found.columns[: len(KEYS)]) == KEYS
    assert (found["n"] == 2).all()
    row = found[(found["estimate"] == "coin") & (found["update"] == 9)].iloc[0]
    places = [one[(one["estimate"] == "coin") & (one["update"] == 9) & ~one["layer_normalised"]] for one in both]
    seeds = [place["cosine"].mean() for place in places]
    assert row["cosine"] == pytest.approx(sum(seeds) / 2)
    assert row["cosine_low"] < min(seeds) < max(seeds) < row["cosine_high"]
    assert (row["tasks"], row["batch"]) == (3, 7)
    price = found[found["update"] == 9].set_index("estimate")[["passes", "rows"]].T.to_dict("list")
    assert price["g_0"] == [6, 0]
    assert price["probe"] == price["low-rank probe, rank 2"] == [18, 0]
    assert price["probe, 2 directions"] == [24, 0]
    assert price["coin"] == [12, 0]
    assert price["last gradient"] == price["running mean, 0.9"] == [12, 3]
    assert price["guided probe"] == [18, 3]
