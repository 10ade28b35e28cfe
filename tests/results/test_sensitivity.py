"""A variant is told by what it changes, and compared with its default seed by seed."""

import numpy as np
import pandas as pd
import pytest

from samo.results.metrics import delta_m
from samo.results.sensitivity import changed, defaults, points, table
from samo.results.tables import Run, values
from samo.results.tables import main as main_table
from tests.made import made_run, made_variant

MAIN: dict[str, Run | None] = {method: made_run(method) for method in ("stl", "ls", "samo-ls", "mgda", "fmtl-mgda")}


def named(*runs: Run) -> dict[str, Run | None]:
    return {run["method"]: run for run in runs}


def numbers(found: pd.DataFrame, method: str, column: str) -> list[float]:
    """Mean, low and high of a method."""
    row = found[found["method"] == method].iloc[0]
    return [float(row[f"{column}{end}"]) for end in ("", "_low", "_high")]


def test_a_variant_is_found_by_its_one_changed_field_and_stands_beside_its_default():
    variants = named(
        made_variant("samo-ls", "b", {"alpha": 0.9}, gain=-1.0),
        made_variant("samo-ls", "c", {"normalise": "none"}),
        made_variant("samo-ls", "a", {"alpha": 0.1}, gain=2.0),
        made_variant("fmtl-mgda", "d", {"rho": 0.3}),
    )
    found = table(MAIN, variants)
    lines = [tuple(row) for row in found[["aggregator", "sharpness", "field", "value", "role", "method"]].to_numpy()]
    chosen = made_run("fmtl-mgda")["search"]["chosen"]["rho"]
    assert lines == [
        ("ls", "samo", "alpha", "0.1", "variant", "a"),
        ("ls", "samo", "alpha", "0.5", "default", "samo-ls"),
        ("ls", "samo", "alpha", "0.9", "variant", "b"),
        ("ls", "samo", "normalise", "layer", "default", "samo-ls"),
        ("ls", "samo", "normalise", "none", "variant", "c"),
        ("ls", "samo", "", "", "base", "ls"),
        ("mgda", "fmtl", "rho", f"{chosen:g}", "default", "fmtl-mgda"),
        ("mgda", "fmtl", "rho", "0.3", "variant", "d"),
        ("mgda", "fmtl", "", "", "base", "mgda"),
    ]
    assert len(points(found)) == 7


def test_doses_without_a_searched_one_are_compared_with_that_at_the_presets_own_radius():
    doses = [made_variant("samo-ls", f"samo-{rho}", {"rho": rho}) for rho in (0.01, 0.05, 0.2)]
    slow = [made_variant("samo-ls", "slow", {"rho": 0.05}) | {"optimizer": "lr 0.001"}]
    found = table({name: run for name, run in MAIN.items() if name != "samo-ls"}, named(*doses, *slow))
    lines = [tuple(row) for row in found[["field", "value", "role", "method"]].to_numpy()]
    assert lines[:4] == [
        ("rho", "0.01", "variant", "samo-0.01"),
        ("rho", "0.05", "default", "samo-0.05"),
        ("rho", "0.2", "variant", "samo-0.2"),
        ("", "", "base", "ls"),
    ]
    assert lines[-1] == ("optimizer", "lr 0.001", "variant", "slow")


def test_the_shift_is_the_difference_of_delta_m_paired_by_seed():
    """The same gain on every seed: its noise cancels, and the shift is known in closed form."""
    single = values(made_run("stl")).mean(axis=0)
    found = table(MAIN, named(made_variant("samo-ls", "a", {"alpha": 0.1}, gain=2.0)))
    expected = float((-100 * 2.0 / single).mean())
    assert numbers(found, "a", "shift") == pytest.approx([expected] * 3)
    assert numbers(found, "samo-ls", "shift") == [0, 0, 0]
    # The base against the default is the main table's gain.
    gain, low, high = numbers(main_table(MAIN), "samo-ls", "gain")
    assert numbers(found, "ls", "shift") == pytest.approx([gain, low, high])
    per_seed = delta_m(values(made_variant("samo-ls", "a", {"alpha": 0.1}, gain=2.0)), single, [True, True])
    mean, low, high = numbers(found, "a", "delta_m")
    assert mean == pytest.approx(per_seed.mean())
    assert low < mean < high


def test_two_changed_fields_are_no_point_on_any_line():
    found = table(MAIN, named(made_variant("samo-ls", "a", {"mu": 0.1, "alpha": 0.1}, gain=2.0)))
    assert points(found).empty
    [row] = found[found["role"] == "variant"].to_dict("records")
    assert (row["field"], row["value"]) == ("alpha, mu", "0.1, 0.1")
    assert row["shift"] < 0
    assert "default" not in set(found["role"])


def test_a_value_given_that_is_the_default_anyway_changes_nothing():
    run = made_variant("samo-ls", "a", {"alpha": 0.5, "layers": "all"})
    assert changed(run, made_run("samo-ls")) == {}
    listed = made_variant("samo-ls", "a", {"layers": ["first", "last"]})
    assert changed(listed, made_run("samo-ls")) == {"layers": ("first", "last")}
    assert changed(listed, made_variant("samo-ls", "b", {"layers": ("first", "last")})) == {}


def test_a_rho_that_is_given_is_another_than_one_that_was_searched_even_of_the_same_value():
    default = made_run("samo-ls")
    rho = default["search"]["chosen"]["rho"]
    assert changed(made_variant("samo-ls", "a", {"rho": rho}), default) == {"rho": rho}
    other = made_variant("samo-ls", "a", {"alpha": 0.1})
    other["search"] = {"trials": [], "chosen": {"lr": 0.01, "rho": 0.2}}
    assert changed(other, default) == {"alpha": 0.1}  # rho was chosen for it, too: no change of setting


def test_the_default_is_the_main_method_with_the_fewest_changes():
    fields = {"rho": 2.0, "adaptive": True}
    given = named(made_variant("fmtl-mgda", "f", fields))
    assert defaults(given) == {("shared", "mgda", "fmtl", ""): "f"}
    found = table(given | named(made_run("stl")), named(made_variant("fmtl-mgda", "g", fields | {"rho": 0.5})))
    assert found[["field", "value", "role"]].to_numpy().tolist() == [["rho", "0.5", "variant"], ["rho", "2", "default"]]
    several = named(made_variant("samo-ls", "x", {"alpha": 0.1}), made_run("samo-ls"), made_variant("samo-ls", "y", {}))
    assert defaults(several)["shared", "ls", "samo", ""] == "samo-ls"
    # A variant among the methods of the main table is one, too.
    rows = table(several | named(made_run("stl")), {})
    assert rows.loc[rows["role"] == "variant", "method"].tolist() == ["x"]


def test_gaps_are_rows_and_nothing_crashes():
    variant = made_variant("samo-ls", "a", {"alpha": 0.1})
    for runs in (MAIN | {"samo-ls": None}, dict.fromkeys(MAIN)):
        found = table(runs, {"a": variant, "b": None})
        assert found["method"].tolist() == ["a", "b"]
        assert points(found).empty
    alone = table({"samo-ls": MAIN["samo-ls"]}, {"a": variant})  # no STL, no base
    assert alone["role"].tolist() == ["variant", "default"]
    assert alone["shift"].isna().all()
    diverged = made_variant("samo-ls", "a", {"alpha": 0.1})
    diverged["seeds"]["1"]["left"]["accuracy"] = None
    row = table(MAIN, named(diverged)).set_index("method").loc["a"]
    assert np.isnan(row["shift"])
    assert row["n_seeds"] == 3
