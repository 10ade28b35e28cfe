"""How numbers are written: the single format of results as text, on which every stage's bytes depend."""

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 6
"""Decimal places of numbers in results: noise in the last bits must not ripple through the pipeline."""


def rounded(value: Any) -> Any:
    """`value` with every number in it rounded to `DIGITS` places; NaN and infinity become None."""
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def json_text(value: Any) -> str:
    """JSON with sorted keys and rounded numbers."""
    return json.dumps(rounded(value), indent=1, sort_keys=True, allow_nan=False) + "\n"


def csv_text(frame: "pd.DataFrame") -> str:
    """A frame as CSV with six significant digits."""
    return frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
