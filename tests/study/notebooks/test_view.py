"""What the notebooks show: settings, trials, the final table, pictures."""

import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from scipy.stats import t as student

from samo.study.notebooks import view
from tests.made import made_run
from tests.study.made_study import ROOT

RUN = made_run("samo-ls") | {
    "metrics": [
        {"task": "left", "metric": "accuracy", "higher_is_better": True, "unit": "%"},
        {"task": "right", "metric": "error", "higher_is_better": False, "unit": ""},
    ],
    "search": {
        "trials": [{"lr": 0.01, "rho": 0.1, "score": 1.5}, {"lr": 0.03, "rho": 0.1, "score": None}],
        "chosen": {"lr": 0.01, "rho": 0.1},
    },
    "seeds": {str(s): {"left": {"accuracy": v}, "right": {"error": 1.0}} for s, v in enumerate((80.0, 82.0, 87.0))},
}


def test_settings_say_what_params_yaml_says_and_what_it_leaves_out(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text((ROOT / "profiles/smoke.yaml").read_text())
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    told = view.settings("multimnist", "samo-ls")["value"]
    said = {"aggregator": "ls", "sharpness.alpha": "0.3", "rho, searched": "0.02 to 0.1", "seeds": "0, 1"}
    assert told[[*said, "training.evaluations"]].to_dict() == said | {"training.evaluations": "2"}
    assert "training.weight_decay" in told  # a default
    plain = view.settings("multimnist", "stl")["value"]
    assert plain["networks"] == "separate"
    assert "rho, searched" not in plain
    assert view.settings("multimnist", analysis="cost")["value"]["cost.repeats"] == "2"


def test_nested_facts_become_dotted_names():
    table = view.flat({"a": {"b": [1, 2], "c": None}, "d": list(range(50))})
    assert table["value"].to_dict() == {"a.b": "1, 2", "a.c": "—", "d": "50 entries"}


def test_trials_mark_the_choice_and_name_a_divergence():
    page = view.trials(RUN).to_html()
    assert page.count("font-weight: bold") == 1  # one style, for the cells of the first row
    assert "_row0_col0" in page.split("</style>")[0]
    assert "_row1_col0" not in page.split("</style>")[0]
    assert ">1.5<" in page
    assert ">diverged<" in page
    given = {"search": RUN["search"] | {"trials": []}}
    assert ">—<" in view.trials(RUN | given).to_html()


def test_the_final_table_has_every_seed_the_mean_and_its_interval():
    frame: pd.DataFrame = vars(view.final(RUN))["data"]
    assert list(frame.loc["left accuracy", ["seed 0", "seed 1", "seed 2", "mean"]]) == [80, 82, 87, 83]
    half = student.ppf(0.975, 2) * np.std([80, 82, 87], ddof=1) / np.sqrt(3)
    low, high = map(float, str(frame.loc["left accuracy", "95 % interval"]).split(" to "))
    assert (low, high) == pytest.approx((83 - half, 83 + half), rel=5e-3)
    assert list(frame["better"]) == ["higher", "lower"]
    assert view.student(pd.Series([80.0, 82.0, 87.0])) == pytest.approx((83 - half, 83 + half))


def test_a_picture_is_the_same_drawing_each_time_with_words():
    def draw():
        frame = pd.DataFrame({"x": [0, 1], "y": [1.0, 2.0]})
        return sns.relplot(frame, x="x", y="y", kind="line").figure

    one, other = view.picture(draw, "words"), view.picture(draw, "words")
    assert one._repr_svg_() == other._repr_svg_()
    assert "<svg" in one._repr_svg_()
    assert "date" not in one._repr_svg_().lower()
    assert repr(one) == "words"
    assert "At the end: left accuracy 83; right error 1" in view.ends(RUN)


def test_many_tasks_are_drawn_in_part():
    tasks = [f"task {n}" for n in range(40)]
    shown = view.panels(RUN | {"tasks": tasks, "metrics": [{"task": task, "metric": "f1"} for task in tasks]})
    assert len(shown) == view.PANELS
    assert {"loss", "f1"} == {panel.split(": ")[1] for panel in shown}
