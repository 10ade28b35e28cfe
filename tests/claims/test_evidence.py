"""Measures by seed, of made frames."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from samo.claims.evidence import COSINE, LAMBDA_MAX, TEST_LOSS, Measure

NAN = float("nan")


@pytest.mark.parametrize(
    ("measure", "frame", "first"),
    [
        (TEST_LOSS, {"metric": "loss"}, 2.0),  # a geometric mean, over tasks whose losses have other units
        (LAMBDA_MAX, {"task": "all", "measure": "lambda_max"}, 2.5),
    ],
)
def test_a_measure_is_a_mean_by_seed_in_which_a_missing_value_leaves_a_gap(
    measure: Measure, frame: dict[str, str], first: float
):
    rows = pd.DataFrame([("0", 1.0), ("0", 4.0), ("1", 3.0), ("2", None), ("2", 1.0)], columns=["seed", "value"])
    wanted = rows.assign(dataset="d", method="m", **frame)
    foreign = wanted.assign(value=99.0, **dict.fromkeys(frame, "other"))
    whole = pd.concat([foreign, wanted])
    evidence: Any = SimpleNamespace(last=SimpleNamespace(runs=whole, curvature=whole))
    found = measure.of(evidence, "d", "m")
    assert found is not None
    assert found.to_dict() == pytest.approx({"0": first, "1": 3.0, "2": NAN}, nan_ok=True)
    assert measure.of(evidence, "d", "another") is None


def test_quotients_compare_measures_in_times():
    assert [one.ratio for one in (TEST_LOSS, LAMBDA_MAX, COSINE)] == [True, True, False]
