"""Budgets, gains and compute: what is paired with what, and what is pooled."""

import io

import numpy as np
import pandas as pd
import pytest

from samo.results import ladder

RHO = {"gsam-ls-rho005": 0.05, "gsam-ls-rho02": 0.2, "gsam-ls-lr": 0.05}
SHARPNESS = {"samo-ls": "samo", "placebo-ls": "placebo", **dict.fromkeys(RHO, "gsam")}
OWN = {"nadam-ls": "nadam", "gsam-ls-lr": "lr 0.001", "ls-lr": "lr 0.001"}
UNITS = {("d", "stl"): 1.0, ("d", "ls"): 1.0, ("d", "samo-ls"): 4.0, ("d", "placebo-ls"): 3.0}


def runs(values: dict[str, dict[int, list[float]]]) -> pd.DataFrame:
    """Accuracies by method, budget and seed."""
    rows = [
        {"method": name, "sharpness": SHARPNESS.get(name, "none"), "updates": updates, "seed": seed, "value": value}
        | {"networks": "separate" if name == "stl" else "shared", "optimizer": OWN.get(name, "")}
        | {"variant": name in RHO, "fields": {"rho": RHO[name]} if name in RHO else {}, "rho": RHO.get(name, 0.1)}
        | {"lr": 0.001 if name.endswith("-lr") else 0.01}
        for name, budgets in values.items()
        for updates, by_seed in budgets.items()
        for seed, value in enumerate(by_seed)
    ]
    found = pd.DataFrame(rows).assign(dataset="d", aggregator="ls", task="t", higher_is_better=True)
    loss = found.assign(metric="loss", value=np.nan, counts=False)
    return pd.concat([found.assign(metric="accuracy", counts=True), loss], ignore_index=True)


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
    doses = ladder.doses(MADE)  # of the longest budget
    assert doses[["method", "rho", "n_seeds"]].to_numpy().tolist() == [["samo-ls", 0.1, 2]]
    assert doses["gain"].tolist() == pytest.approx([0.5])


def test_test_losses_are_quotients_of_geometric_means_and_none_where_none_were_kept():
    rows = runs({"stl": {100: [90.0] * 3}, "ls": {100: [90.0] * 3}, "samo-ls": {100: [90.0] * 3}})
    none = ladder.table(rows, {})
    assert ladder.times(none, none).n == 0
    kept, second = rows[rows["metric"] == "loss"], rows["metric"] == "loss"
    base = pd.Series([0.2, 0.4, 0.8])[kept["seed"]].to_numpy() * np.where(kept["method"] == "samo-ls", 0.75, 1.0)
    rows.loc[second, "value"] = base
    rows = pd.concat([rows, kept.assign(task="other", value=4 * base)])
    samo, plain = (ladder.table(rows, {}).query(f"method == '{name}'") for name in ("samo-ls", "ls"))
    assert list(plain["loss"]) == pytest.approx([0.4, 0.8, 1.6])  # the root of a value times four of it
    found = ladder.times(samo, plain)
    assert (found.mean, found.low, found.high, found.n) == pytest.approx((0.75, 0.75, 0.75, 3))


def test_seeds_and_budgets_that_others_lack_take_no_place():
    made = {"stl": [100.0] * 3, "ls": [90.0, 91.0, 92.0], "samo-ls": [91.0, 92.0, 92.5]}
    found = ladder.pooled(ladder.table(runs({name: {100: own[:1], 400: own} for name, own in made.items()}), UNITS))
    assert found[["updates", "n_seeds"]].to_numpy().tolist() == [[400, 3]]
    values = {name: {800: [100.0 - 10 * (name == "ls")] * 5} for name in ("stl", "ls", "samo-ls")}
    elsewhere = ladder.table(runs(values).assign(dataset="e"), {})
    assert set(ladder.family(pd.concat([MADE, elsewhere]))["dataset"]) == {"d"}
    two = {**values, "ls": {800: [90.0] * 2}, "stl": {800: [100.0] * 2}, "samo-ls": {800: [95.0] * 2}}
    fewer = ladder.table(runs(two).assign(dataset="d"), {})
    assert set(ladder.family(pd.concat([fewer, elsewhere]))["dataset"]) == {"e"}


def test_a_line_is_of_the_places_that_have_all_its_budgets():
    there, elsewhere = MADE[MADE["sharpness"] == "samo"], MADE[MADE["updates"] == 400].assign(method="samo-fairgrad")
    found = ladder.pooled(pd.concat([there, elsewhere[elsewhere["sharpness"] == "samo"].assign(gain=9.0)]))
    assert found[["updates", "conditions"]].to_numpy().tolist() == [[100, 1], [400, 1]]
    assert found["gain"].to_numpy() == pytest.approx([1.5, 0.5])
    other = there[there["updates"] == 400].assign(method="samo-fairgrad")
    apart = ladder.pooled(pd.concat([there[there["updates"] == 100], other]))
    assert apart["updates"].tolist() == [400]


def test_at_equal_compute_the_base_was_trained_for_longer():
    equal = ladder.equal_compute(MADE)
    # 100 updates of SAMO cost as much as 400 of LS, whose accuracy is 3 and 4 points above its own; the placebo's less.
    assert equal["method"].tolist() == ["samo-ls"] * 2
    assert equal["gain"].to_numpy() == pytest.approx([-3.0, -4.0])


def test_a_dose_stands_for_its_sharpness_and_another_optimiser_is_a_control():
    arms = {"ls": 90.0, "stl": 100.0, "nadam-ls": 91.0, "gsam-ls-rho005": 92.0, "gsam-ls-rho02": 93.0}
    arms |= {"ls-lr": 80.0, "gsam-ls-lr": 84.0}
    found = ladder.table(runs({name: {100: [value] * 2} for name, value in arms.items()}), {}).set_index("method")
    gains = {"nadam-ls": 1.0, "gsam-ls-rho005": 2.0, "gsam-ls-rho02": 3.0, "gsam-ls-lr": 4.0}
    assert found["gain"].groupby("method").first().dropna().to_dict() == pytest.approx(gains)
    pooled = ladder.pooled(found.reset_index()).set_index("sharpness")["gain"]
    assert pooled.to_dict() == pytest.approx({"nadam": 1.0, "gsam": 2.0})
    read = pd.read_csv(io.StringIO(found.reset_index().to_csv(index=False)))
    assert ladder.doses(read)["rho"].tolist() == ladder.doses(found.reset_index())["rho"].tolist() == [0.1, 0.05, 0.2]
    assert found[found.index == "gsam-ls-lr"]["setting"].unique().tolist() == ["lr 0.001"]
    assert ladder.variants(read).empty
    other = read[read["method"] == "ls"].assign(aggregator="mgda", method="mgda")
    rates = ladder.rates(pd.concat([read, read.assign(updates=50, lr=9.0), other], ignore_index=True)).set_index(
        "method"
    )
    # Over LS at the searched rate, with the radius that stands for G-SAM.
    expected = {"ls": (0.01, 0.0), "gsam-ls-rho005": (0.01, 2.0), "ls-lr": (0.001, -10.0), "gsam-ls-lr": (0.001, -6.0)}
    assert rates.loc[list(expected), ["lr", "gain"]].to_numpy() == pytest.approx(np.array(list(expected.values())))
    assert set(rates.index) == {*expected, "nadam-ls"}
    assert rates["n_seeds"].eq(2).all()
    fewer = read[(read["method"] != "gsam-ls-lr") | (read["seed"] == 0)]
    assert ladder.rates(fewer)["n_seeds"].eq(1).all()
    assert ladder.rates(MADE).empty


def test_variants_stand_beside_the_main_methods_at_the_budget_that_most_have():
    """Of `MADE` the rows at 100 updates become three settings, one of which is at 400, too."""
    samo = MADE[MADE["method"] == "samo-ls"].assign(main=False)
    own, late = (samo[samo["updates"] == updates] for updates in (100, 400))
    more = [own.assign(method=name, setting=name, gain=own["gain"] + 1) for name in ("every 5", "alpha 0.3")]
    more.append(late.assign(method="x", setting="every 5"))
    found = ladder.variants(pd.concat([MADE, *more], ignore_index=True)).set_index("setting")
    assert set(found["updates"]) == {100}
    assert set(found.index) == {"", "every 5", "alpha 0.3"}
    plain = found.loc[""].query("sharpness == 'samo'")["gain"].item()
    assert found.loc["every 5", "gain"] == pytest.approx(plain + 1)
    assert found.loc["every 5", "units"] == 4
    assert ladder.variants(MADE[MADE["setting"] == ""]).empty
