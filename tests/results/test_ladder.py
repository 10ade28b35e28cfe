"""Budgets, gains and compute: what is paired with what, and what is pooled."""

import numpy as np
import pandas as pd
import pytest

from samo.results import ladder

METRIC = {"task": "t", "metric": "accuracy", "higher_is_better": True, "counts": True}
SPECS = {
    "stl": ("none", "separate"),
    "ls": ("none", "shared"),
    "samo-ls": ("samo", "shared"),
    "placebo-ls": ("placebo", "shared"),
}
UNITS = {("d", "stl"): 1.0, ("d", "ls"): 1.0, ("d", "samo-ls"): 4.0, ("d", "placebo-ls"): 3.0}


def runs(values: dict[str, dict[int, list[float]]]) -> pd.DataFrame:
    """Accuracies by method, budget and seed."""
    rows = [
        {
            "dataset": "d",
            "method": name,
            "variant": False,
            "aggregator": "ls",
            "sharpness": SPECS[name][0],
            "fields": {},
        }
        | {"networks": SPECS[name][1], "updates": updates, "rho": 0.1, "seed": seed, "value": value, **METRIC}
        for name, budgets in values.items()
        for updates, by_seed in budgets.items()
        for seed, value in enumerate(by_seed)
    ]
    loss = [{**row, "metric": "loss", "value": np.nan, "counts": False} for row in rows]
    return pd.DataFrame([*rows, *loss])


MADE = ladder.table(
    runs(
        {
            "stl": {100: [100.0, 100.0], 400: [100.0, 100.0]},
            "ls": {100: [90.0, 92.0], 400: [95.0, 97.0]},
            "samo-ls": {100: [92.0, 93.0], 400: [95.5, 97.5]},
            "placebo-ls": {100: [91.0, 94.0]},
        }
    ),
    UNITS,
)


def test_a_gain_is_a_fall_of_delta_m_of_the_same_seed_and_budget():
    samo = MADE[MADE["method"] == "samo-ls"]
    assert samo["gain"].to_numpy() == pytest.approx([2.0, 1.0, 0.5, 0.5])
    assert samo["cost"].tolist() == [400.0, 400.0, 1600.0, 1600.0]
    assert MADE.loc[MADE["method"] == "ls", "delta_m"].to_numpy() == pytest.approx([10.0, 8.0, 5.0, 3.0])
    assert MADE.loc[MADE["sharpness"] == "none", "gain"].isna().all()
    assert ladder.table(runs({"ls": {100: [1.0]}}), UNITS).empty  # nothing to take Delta-m against


def test_budgets_are_points_of_a_line_and_pooled_seed_by_seed():
    found = ladder.pooled(MADE)
    assert found[["sharpness", "updates"]].to_numpy().tolist() == [["samo", 100], ["samo", 400], ["placebo", 100]]
    assert found["gain"].to_numpy() == pytest.approx([1.5, 0.5, 1.5])
    first = found.iloc[0]
    assert first["gain_low"] < 0 < first["gain_high"]  # 2 and 1: two seeds tell little
    gain, places = ladder.difference(MADE[MADE["sharpness"] == "samo"], MADE[MADE["sharpness"] == "placebo"])
    assert gain.mean == pytest.approx(0.0)
    assert places == 1


def test_at_equal_compute_the_base_was_trained_for_longer():
    equal = ladder.equal_compute(MADE)
    # 100 updates of SAMO cost as much as 400 of LS, whose accuracy is 3 and 4 points above its own; the placebo's less.
    assert equal["method"].tolist() == ["samo-ls"] * 2
    assert equal["gain"].to_numpy() == pytest.approx([-3.0, -4.0])


def test_doses_are_of_the_longest_budget():
    found = ladder.doses(MADE)
    assert found[["method", "rho", "n_seeds"]].to_numpy().tolist() == [["samo-ls", 0.1, 2]]
    assert found["gain"].iloc[0] == pytest.approx(0.5)
