"""Layers ranked by how much their cosine moves, over made trainings whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from samo.analysis.layers import COLUMNS, layers, ranking
from tests.made import made_layers


def made(cosines: dict[str, list[list[float]]]) -> pd.DataFrame:
    """A cell's layers.csv from layer -> a list a seed of cosines from epoch 0 on."""
    rows = [
        (seed, epoch, layer, place, cosine)
        for place, (layer, by_seed) in enumerate(cosines.items())
        for seed, values in enumerate(by_seed)
        for epoch, cosine in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["seed", "update", "layer", "position", "cosine"])


def test_the_table_has_the_mean_over_seeds_and_its_limits() -> None:
    table = layers({"mgda": made_layers(), "cagrad": None}, choose=2)
    assert list(table.columns) == COLUMNS
    assert set(table["method"]) == {"mgda"}
    assert len(table) == 5 * 6
    row = table[(table["update"] == 4) & (table["layer"] == "5.weight")].iloc[0]
    assert (row["mean"], row["n"], row["position"]) == (pytest.approx(0.51), 3, 1)
    half = 4.3026527 * 0.01 / np.sqrt(3)  # Student's t of two degrees of freedom
    assert (row["low"], row["high"]) == (pytest.approx(0.51 - half), pytest.approx(0.51 + half))
    assert set(table.loc[table["chosen"], "layer"]) == {"0.weight", "5.weight"}


def test_movement_is_of_the_mean_over_seeds_not_of_single_seeds() -> None:
    """The noise of single seeds moves nothing where it cancels; a layer that goes and comes back has moved."""
    found = made(
        {
            "noisy": [[0.5, -0.5, 0.5], [-0.5, 0.5, -0.5]],
            "there and back": [[0.1, 0.4, 0.1], [0.1, 0.4, 0.1]],
            "still": [[0.9, 0.9, 0.9], [0.9, 0.9, 0.9]],
        }
    )
    order = ranking(layers({"mgda": found}, choose=1))
    assert list(order["layer"]) == ["there and back", "noisy", "still"]
    assert order["movement"].tolist() == pytest.approx([0.3, 0, 0])


def test_movement_is_averaged_over_methods_and_equals_go_by_place() -> None:
    """The start, epoch 0, counts."""
    one = made({"a": [[0, 0.2]], "b": [[0, 0.4]], "c": [[0, 0.4]], "d": [[0, 0.1]]})
    other = made({"a": [[0, 0.8]], "b": [[0, 0]], "c": [[0, 0]]})
    order = ranking(layers({"mgda": one, "cagrad": other}, choose=1))
    assert list(order["layer"]) == ["a", "b", "c", "d"]
    assert order["movement"].tolist() == pytest.approx([0.5, 0.2, 0.2, 0.1])


def test_nothing_run_gives_an_empty_table_and_limits_stay_within_what_a_cosine_can_be() -> None:
    assert layers({"mgda": None}, choose=3).empty
    table = layers({"mgda": made({"a": [[0.99, -0.99], [0.5, -0.5]]})}, choose=99)
    assert (table["high"].max(), table["low"].min()) == (1, -1)
    assert table["chosen"].all()
