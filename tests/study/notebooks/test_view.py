"""What the notebooks show: settings, trials, the final table, curves."""

import numpy as np
import pytest
from scipy.stats import t as student

from samo.figures.cell import MOST, panels_of
from samo.study.notebooks import view as view
from tests.study.made_study import ROOT


def run(score=1.5):
    values = [80.0, 82.0, 87.0]
    return {
        "dataset": "made",
        "method": "samo-ls",
        "metrics": [
            {"task": "left", "metric": "accuracy", "higher_is_better": True, "unit": "%"},
            {"task": "right", "metric": "error", "higher_is_better": False, "unit": ""},
        ],
        "search": {
            "trials": [{"lr": 0.01, "rho": 0.1, "score": score}, {"lr": 0.03, "rho": 0.1, "score": None}],
            "chosen": {"lr": 0.01, "rho": 0.1},
        },
        "seeds": {str(s): {"left": {"accuracy": v}, "right": {"error": 1.0}} for s, v in enumerate(values)},
    }


def test_settings_say_what_params_yaml_says_and_what_it_leaves_out(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text((ROOT / "profiles/smoke.yaml").read_text())
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    told = view.settings("multimnist", "samo-ls")["value"]
    assert told["aggregator"] == "ls"
    assert told["sharpness.alpha"] == "0.3"
    assert told["rho, tried"] == "0.02, 0.1"
    assert told["seeds"] == "0, 1"
    assert told["training.epochs"] == "2"
    assert "training.weight_decay" in told  # a default
    plain = view.settings("multimnist", "stl")["value"]
    assert plain["networks"] == "separate"
    assert "rho, tried" not in plain
    assert view.settings("multimnist", analysis="cost")["value"]["cost.repeats"] == "2"


def test_nested_facts_become_dotted_names():
    table = view.flat({"a": {"b": [1, 2], "c": None}, "d": list(range(50))})
    assert table["value"].to_dict() == {"a.b": "1, 2", "a.c": "—", "d": "50 entries"}


def test_trials_mark_the_choice_and_name_a_divergence():
    table = view.trials(run())
    assert list(table[""]) == ["chosen", ""]
    assert list(table["validation score"]) == ["1.500", "diverged"]
    given = run()
    given["search"]["trials"] = []
    assert view.trials(given).iloc[0].to_dict() == {"lr": "0.01", "rho": "0.1", "validation score": "—", "": "chosen"}


def test_the_final_table_has_every_seed_the_mean_and_its_interval():
    table = view.final(run())
    assert list(table.loc["left accuracy", ["seed 0", "seed 1", "seed 2", "mean"]]) == [
        "80.000",
        "82.000",
        "87.000",
        "83.000",
    ]
    half = student.ppf(0.975, 2) * np.std([80, 82, 87], ddof=1) / np.sqrt(3)
    assert float(str(table.loc["left accuracy", "± 95 %"])) == pytest.approx(half, abs=5e-4)
    assert list(table["better"]) == ["higher", "lower"]
    assert table.loc["right error", "± 95 %"] == "0.000"


def history():
    return [
        {"seed": s, "epoch": e, "split": split, "task": task, "metric": metric, "value": 1.0 / e + s}
        for s in (0, 1)
        for e in (1, 2)
        for split in ("train", "val", "test")
        for task, metric in (("left", "loss"), ("right", "loss"), ("left", "accuracy"), ("right", "error"))
    ]


def test_curves_are_the_same_drawing_each_time_with_words():
    one, other = view.curves(run(), history()), view.curves(run(), history())
    assert one.drawing == other.drawing
    assert "Date" not in one.drawing
    assert "At the end: left accuracy 1; right error 1" in repr(one)
    for words in ("loss", "accuracy, %", "epoch", ">left<", ">right<"):
        assert words in one.drawing


def test_curves_of_a_diverged_epoch_leave_a_gap():
    rows = history()
    rows[0]["value"] = None
    assert "<svg" in view.curves(run(), rows).drawing


def test_many_tasks_are_drawn_in_part():
    metrics = [(f"task {n}", "f1", "%") for n in range(40)]
    shown = panels_of(metrics)
    assert len(shown) == MOST
    assert {"loss", "f1"} == {metric for _, metric, _ in shown}
