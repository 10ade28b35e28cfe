"""What the README and the documents say, and the committed tables that hold it."""

import io
import subprocess
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from samo.claims.effects import Effect

ROOT = Path(__file__).parents[1]


def words(path: str) -> str:
    """A document's text in one line, however it is broken."""
    return " ".join((ROOT / path).read_text().split())


README, FINDINGS, FIRST, STUDY = map(words, ("README.md", "docs/findings.md", "docs/first-run.md", "docs/study.md"))


def says(text: str, sentence: str, *numbers: object) -> None:
    """A text has this sentence with these numbers."""
    assert sentence.format(*numbers) in text


def committed(path: str) -> str:
    """A file as it was committed: a run at hand may have made it anew with other numbers."""
    done = subprocess.run(
        ["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        pytest.skip("not a git checkout with a committed run")
    return done.stdout


def table(path: str) -> pd.DataFrame:
    """A committed table; a gap in it is empty text."""
    return pd.read_csv(io.StringIO(committed(path)), keep_default_na=False)


def short(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


class Told(NamedTuple):
    """An effect and its limits as they are printed: "x (low to high)"."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{short(self.mean)} ({self.limits})"

    @property
    def limits(self) -> str:
        return f"{short(self.low)} to {short(self.high)}"

    @property
    def open(self) -> bool:
        """Whether it may be 0."""
        return self.low < 0 < self.high

    def within(self, margin: float) -> bool:
        return -margin < self.low < self.high < margin


def told(effect: Effect, level: float = 0.95) -> Told:
    """An effect as it is printed."""
    return Told(*(round(end, 2) for end in effect.interval(level)[:3]))
