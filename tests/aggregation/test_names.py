"""Aggregators by name, and losses -> their weights."""

from typing import Any

import pytest
import torch

from samo.aggregation import loss_weights, make

LOSSES = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)


def made(name: str, **options: Any) -> Any:
    return make(name, tasks=3, **options)


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("fairgard", {}, r"'fairgard'.*fairgrad"),
        ("fairgrad", {"c": 0.4}, r"'c' of fairgrad.*alpha"),
        ("pcgrad", {"alpha": 1.0}, r"'alpha' of pcgrad.*none"),
        ("famo", {}, r"famo.*tasks=K"),
        ("dwa", {"window": 0}, "window"),
    ],
)
def test_faults_say_what_is_allowed(name: str, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make(name, **options)


def test_options_reach_the_aggregator() -> None:
    assert "alpha=2.0" in repr(make("fairgrad"))
    assert "alpha=1.0" in repr(make("fairgrad", alpha=1.0))
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
        ("famo", [4 / 7, 2 / 7, 1 / 7]),  # 1 / L_i over their sum
    ],
)
def test_weights_of_the_losses(name: str, weights: list[float]) -> None:
    found = loss_weights(made(name).double(), LOSSES)
    torch.testing.assert_close(found, torch.tensor(weights, dtype=torch.float64))


def test_dwa_rolls_its_window() -> None:
    """After two windows the weights follow the ratio of their means: K softmax(r / T)."""
    dwa = made("dwa", window=2)
    for losses in (LOSSES, LOSSES, LOSSES * torch.tensor([1.0, 0.5, 1.5]), LOSSES * torch.tensor([1.0, 0.5, 0.5])):
        assert loss_weights(dwa, losses).tolist() == [1, 1, 1]
    ratio = torch.tensor([1.0, 0.5, 1.0], dtype=torch.float64)
    torch.testing.assert_close(loss_weights(dwa, LOSSES), 3 * torch.softmax(ratio / 2, 0))


def test_a_loss_that_a_logarithm_cannot_take_is_an_error() -> None:
    with pytest.raises(FloatingPointError, match="ScaleInvariant"):
        loss_weights(made("si"), torch.tensor([1.0, 0.0]))
