"""The summary of task-gradient agreement."""

import numpy as np

from samo.analysis.conflict import COLUMNS, conflict
from tests.made import made_history


def test_a_row_a_method_epoch_and_metric_from_probe_rows_only():
    history = made_history("samo-ls")
    table = conflict({"samo-ls": history, "stl": made_history("stl"), "gone": None})
    assert list(table.columns) == COLUMNS
    assert set(table["method"]) == {"samo-ls"}
    assert len(table) == 4 * 3
    probe = history.query("split == 'probe' and metric == 'cosine_mean' and epoch == 2")["value"]
    row = table.query("metric == 'cosine_mean' and epoch == 2").iloc[0]
    assert np.isclose(row["mean"], probe.mean())
    assert row["n"] == 3


def test_limits_stay_within_what_can_be():
    history = made_history("ls")
    share = (history["split"] == "probe") & (history["metric"] == "conflict_share")
    history.loc[share, "value"] = np.where(history.loc[share, "seed"] == 0, 1.0, 0.0)
    cosine = (history["split"] == "probe") & (history["metric"] == "cosine_min")
    history.loc[cosine, "value"] = np.where(history.loc[cosine, "seed"] == 0, 0.9, -0.9)
    table = conflict({"ls": history})
    assert table.loc[table["metric"] == "conflict_share", ["low", "high"]].isin([0.0, 1.0]).all(axis=None)
    assert table["low"].min() >= -1
    assert table["high"].max() <= 1


def test_nothing_run_gives_an_empty_table():
    assert conflict({"ls": None, "stl": made_history("stl")}).empty
