"""Aggregators by name."""

from typing import Any

import pytest
import torch
from torchjd.aggregation import Aggregator
from torchjd.scalarization import Scalarizer

from samo import aggregation
from samo.aggregation import SCALARISERS, loss_weights, make


def scalariser(name: str, **options: Any) -> Scalarizer:
    made = make(name, tasks=3, **options)
    assert isinstance(made, Scalarizer)
    return made


LOSSES = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)


@pytest.mark.parametrize("name", aggregation.NAMES)
def test_every_name_makes_its_kind(name: str) -> None:
    made = make(name, tasks=3)
    assert isinstance(made, Scalarizer if name in SCALARISERS else Aggregator)


def test_faults_say_what_is_allowed() -> None:
    with pytest.raises(ValueError, match=r"'fairgard'.*fairgrad"):
        make("fairgard")
    with pytest.raises(ValueError, match=r"'c' of fairgrad.*alpha"):
        make("fairgrad", c=0.4)
    with pytest.raises(ValueError, match=r"'alpha' of pcgrad.*none"):
        make("pcgrad", alpha=1.0)
    with pytest.raises(ValueError, match=r"famo.*tasks=K"):
        make("famo")
    with pytest.raises(ValueError, match="window"):
        make("dwa", window=0)


def test_options_reach_the_aggregator() -> None:
    assert "alpha=2.0" in repr(make("fairgrad"))
    assert "alpha=1.0" in repr(make("fairgrad", alpha=1.0))
    assert "c=0.4" in repr(make("cagrad"))
    assert "n_tasks=4" in repr(make("nash-mtl", tasks=4))


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("ls", [1, 1, 1]),
        ("mean", [1 / 3, 1 / 3, 1 / 3]),
        ("si", [1, 1 / 2, 1 / 4]),
        ("gls", [2 / 3, 1 / 3, 1 / 6]),  # the geometric mean is 2
        ("uw", [0.5, 0.5, 0.5]),
        ("imtl-l", [1, 1, 1]),
        ("dwa", [1, 1, 1]),
        ("famo", [4 / 7, 4 / 7, 4 / 7]),
    ],
)
def test_weights_of_the_losses(name: str, weights: list[float]) -> None:
    found = loss_weights(scalariser(name).double(), LOSSES)
    expected = torch.tensor(weights, dtype=torch.float64)
    if name == "famo":  # z_i / L_i over their sum
        expected = 1 / LOSSES / (1 / LOSSES).sum()
    torch.testing.assert_close(found, expected)


def test_random_weights_are_a_softmax() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = loss_weights(scalariser("rlw"), LOSSES)
    assert found.sum() == pytest.approx(1)
    assert (found > 0).all()


def test_dwa_rolls_its_window() -> None:
    """After two windows the weights follow the ratio of their means: K softmax(r / T)."""
    dwa = scalariser("dwa", window=2)
    for losses in (LOSSES, LOSSES, LOSSES * torch.tensor([1.0, 0.5, 1.5]), LOSSES * torch.tensor([1.0, 0.5, 0.5])):
        assert loss_weights(dwa, losses).tolist() == [1, 1, 1]
    ratio = torch.tensor([1.0, 0.5, 1.0], dtype=torch.float64)
    torch.testing.assert_close(loss_weights(dwa, LOSSES), 3 * torch.softmax(ratio / 2, 0))


def test_a_loss_that_a_logarithm_cannot_take_is_an_error() -> None:
    with pytest.raises(FloatingPointError, match="ScaleInvariant"):
        loss_weights(scalariser("si"), torch.tensor([1.0, 0.0]))
