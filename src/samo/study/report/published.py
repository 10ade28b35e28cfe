"""What the papers printed: data/reference/published_results.csv, whose columns and sources its README explains."""

from pathlib import Path

import pandas as pd

KEYS = {
    "CelebA": "celeba",
    "Cityscapes": "cityscapes",
    "MultiFashion": "multifashion",
    "MultiFashion+MNIST": "multifashionmnist",
    "MultiMNIST": "multimnist",
    "NYUv2": "nyuv2",
    "QM9": "qm9",
}
"""The papers' name of a dataset -> its key here."""

_DENSE = ("mIoU", "Pix Acc", "Abs Err", "Rel Err")
_MOLECULES = ("mu", "alpha", "eps_HOMO", "eps_LUMO", "R2", "ZPVE", "U0", "U", "H", "G", "c_v")

METRICS = {
    "cityscapes": _DENSE,
    "nyuv2": (*_DENSE, "Angle Mean", "Angle Median", "Within 11.25", "Within 22.5", "Within 30"),
    "qm9": tuple(f"{name} MAE" for name in _MOLECULES),
}
"""What Delta-m and the mean rank are made of in the papers' tables, by key and in the tables' order."""


def load(root: Path) -> pd.DataFrame:
    """A row a printed number, in the file's order.

    Columns: paper, table, dataset (our key, or as printed where it is none of ours), method, metric, value, decimals
    (as many as were printed, so that 22.60 is told from 22.6), plus_minus (NaN where none was printed),
    higher_is_better, note.

    Raises:
        ValueError: a value is not a number, or a direction neither 0 nor 1; the message names the line.
    """
    path = root / "data" / "reference" / "published_results.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    printed, direction = frame["value"], frame["higher_is_better"]
    number = pd.to_numeric(printed, errors="coerce")
    for line, (value, known, way) in enumerate(zip(printed, number.notna(), direction, strict=True), start=2):
        if not known:
            raise ValueError(f"{path}, line {line}: value is {value!r}, not a number")
        if way not in ("0", "1"):
            raise ValueError(f"{path}, line {line}: higher_is_better is {way!r}, not 0 or 1")
    return frame.assign(
        dataset=frame["dataset"].replace(KEYS),
        value=number.astype(float),
        decimals=[len(text.partition(".")[2]) for text in printed],
        plus_minus=pd.to_numeric(frame["plus_minus"]),
        higher_is_better=direction == "1",
    )
