"""Sentences follow the data."""

import re

import numpy as np
import pandas as pd
import pytest

from samo.results import verdict


def table(**gains: tuple[float, float, float]) -> pd.DataFrame:
    """A main table with an STL row and these methods' gains (mean, low, high), over a base at STL's level."""
    rows = [
        {"method": name, "networks": "shared", "sharpness": "samo", "gain": mean, "gain_low": low, "gain_high": high}
        | {"delta_m": -mean, "delta_m_low": -high, "delta_m_high": -low}
        for name, (mean, low, high) in gains.items()
    ]
    return pd.DataFrame([{"method": "stl", "networks": "separate", "sharpness": "none"}, *rows]).assign(n_seeds=3)


def test_headline_counts_only_intervals_that_leave_out_zero_and_says_when_nothing_is_shown():
    words = verdict.headline("d", table(a=(2, 1, 3), b=(2, -1, 5), c=(-4, -5, -3), d=(0, np.nan, np.nan)))
    assert "1 of 4 sharpness-aware methods beat their base (a 2.00)" in words
    assert "1 is worse (c −4.00)" in words
    assert "for 2 the interval holds zero" in words
    assert "b" not in words.split("(", 1)[1].split(")", 1)[0]
    assert "every interval holds zero" in verdict.headline("d", table(a=(2, -1, 5), b=(0, np.nan, np.nan)))
    worse = verdict.headline("d", table(a=(-2, -3, -1)))
    assert "0 of 1 sharpness-aware methods beat their base and 1 is worse" in worse
    assert "can be compared" in verdict.headline("d", table())


def test_settings_are_counted_where_they_differ_from_their_default():
    limits = {"a": (-2.0, -3.0, -1.0), "b": (1.0, -0.5, 2.5), "c": (np.nan,) * 3, "d": (0.5, np.nan, np.nan)}
    rows = [
        {"method": name, "field": "mu", "role": "variant", "shift": mean, "shift_low": low, "shift_high": high}
        for name, (mean, low, high) in limits.items()
    ]
    default = {"method": "x", "field": "mu", "role": "default", "shift": 0.0, "shift_low": 0.0, "shift_high": 0.0}
    two = {**default, "method": "y", "field": "alpha, mu", "role": "variant", "shift": -9.0}
    some = pd.DataFrame([*rows, default, two])
    assert verdict.settings("D", some) == (
        "On D, 1 of 3 changed settings differs in Δm from the default by more than the noise of the seeds (a −2.00); "
        "by chance alone one would expect 0.2."
    )
    assert "none of 2 changed settings differ in Δm" in verdict.settings("D", some[some["method"] != "a"])
    assert "can be compared" in verdict.settings("D", some[some["role"] == "default"])


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ((2, 1, 3), "better than"),
        ((1, -1, 3), "not to be told"),
        ((-2, -3, -1), "worse than"),
        ((np.nan,) * 3, "at 0 on every metric"),
    ],
)
def test_best_says_how_it_stands_to_stl_and_tells_runs_at_zero_from_runs_that_are_missing(limits, words):
    frame = table(a=limits).assign(**{"bald f1": 0.0, "bald f1 low": 0.0, "bald f1 high": 0.0})
    assert words in verdict.best(frame)
    gone = frame.assign(delta_m=np.nan)
    for nothing in (table(), gone[gone["method"] != "stl"], gone.assign(**{"bald f1": 1.0})):
        assert "are missing" in verdict.best(nothing)


def test_flatness_compares_each_seed_with_its_bases_on_the_same_data():
    frame = pd.DataFrame({"method": ["base", "flat", "sharp", "unsure"], "base": [None, "base", "base", "base"]})
    factors = {"base": [1.0, 1.0, 1.0], "flat": [0.5, 0.49, 0.51], "sharp": [2.0, 2.1, 1.9], "unsure": [0.1, 1, 4]}
    rows = [
        (name, seed, measure, scale * factor * 10.0**seed, 2 if seed == 0 else 1)
        for measure, scale in (("lambda_max", 5), ("lambda_ratio5", 2))
        for name, by_seed in factors.items()
        for seed, factor in enumerate(by_seed)
    ]
    numbers = pd.DataFrame(rows, columns=["method", "seed", "measure", "value", "draws"])
    numbers = numbers.assign(low=numbers["value"], high=1.1 * numbers["value"], residual=0.0012)
    words = verdict.flatness(frame, numbers)
    for part in (
        *("The largest eigenvalue is lower than the base method's for 2 of 3", "it is lower for 1 and higher for 1"),
        *("(median factor 0.74)", "The ratio of the largest to the fifth", "by 10 % (median)", "at most 0.001 of"),
    ):
        assert part in words
    assert "ratio" not in verdict.flatness(frame, numbers[numbers["measure"] == "lambda_max"])
    assert "yet" in verdict.flatness(frame, numbers[:0])
    assert "yet" in verdict.flatness(frame, numbers.assign(value=np.nan))


def test_agreement_compares_each_method_with_its_base_after_the_last_epoch():
    frame = pd.DataFrame({"method": ["base", "up", "down", "same"], "base": [None, "base", "base", "base"]})
    rows = [
        (name, epoch, "cosine_mean", mean, mean - 0.1, mean + 0.1)
        for epoch in (1, 2)
        for name, mean in {"base": 0.0, "up": 0.5 * (epoch - 1), "down": -0.5, "same": 0.05}.items()
    ]
    series = pd.DataFrame(rows, columns=["method", "update", "metric", "mean", "low", "high"])
    words = verdict.agreement(frame, series)
    assert "for 2 of 3" in words
    assert "higher for 1 and lower for 1" in words
    assert "yet" in verdict.agreement(frame, series[:0])


def test_caveats_count_seeds_comparisons_gaps_and_edges_and_name_the_metrics_that_delta_m_leaves_out():
    frame = table(a=(-2, -3, -1), b=(1, 0, 2))
    for name, stl in {"hat f1": 0.0, "beard f1": 40.0, "bald f1": 0.0}.items():
        frame[name] = [stl, 10.0, 10.0]
        frame[f"{name} low"] = frame[f"{name} high"] = frame[name]
    frame.loc[len(frame)] = {"method": "gone", "n_seeds": 0}
    trials = pd.DataFrame({"method": [*"aaabbb"], "lr": [0.1, 0.2, 0.3] * 2, "rho": np.nan, "chosen": False})
    trials.loc[[2, 4], "chosen"] = True
    words = " ".join(verdict.caveats(frame, trials))
    parts = ("3 seeds per method", "base method: 2,", "gaps: gone", "a (lr)", "Δm is over 1 of 3 metrics")
    assert all(part in words for part in (*parts, "(hat f1, bald f1)"))
    assert "b (lr)" not in words
    assert "bootstrap" not in words
    assert "bootstrap" in " ".join(verdict.caveats(frame.assign(n_seeds=10), trials))
    frame.loc[0, ["hat f1", "bald f1"]] = 1.0
    assert "Δm is over" not in " ".join(verdict.caveats(frame, trials))


def test_the_answer_says_what_samo_gains_and_apart_from_that_what_at_given_learning_rates():
    gains = {("samo", ""): -0.4, ("samo", "lr 0.001"): 0.2, ("samo", "lr 0.002"): -0.1, ("placebo", ""): -0.4}
    gains |= {("none", rate): 0.0 for rate in ("", "lr 0.001", "lr 0.002")}
    alike = {"dataset": "d", "aggregator": "ls", "networks": "shared", "updates": 100}
    rows = [
        {"sharpness": kind, "setting": rate, "main": not rate, "rho": None if kind == "none" else 0.05, **alike}
        | {"seed": seed, "delta_m": 2 * seed - gain + noise * (kind == "samo"), "loss": 1.0 if kind == "none" else 0.5}
        | {"cost": {"samo": 433.0, "placebo": 300.0, "none": 100.0}[kind]}
        for (kind, rate), gain in gains.items()
        for seed, noise in enumerate((-0.01, 0.0, 0.01))
    ]
    beside, placebo, of = verdict.answer(pd.DataFrame(rows))
    assert beside.startswith("SAMO does as well as its aggregator alone, within 0.5 points. It gains −0.40 points")
    assert (
        "its test loss is 0.50 (0.50 to 0.50) times as high; with both at a given learning rate it gains 0.20 ("
        in beside
    )
    assert re.search(r"gains 0\.20 \([^)]+\) at 0\.001 and −0\.10 \([^)]+\) at 0\.002\.$", beside)
    assert placebo.startswith("SAMO does as well as a placebo")
    assert "learning rate" not in placebo
    assert "SAMO takes 4.3 times the passes" in of
    assert "after 100 updates of small networks on d, under ls at rho 0.05" in of
