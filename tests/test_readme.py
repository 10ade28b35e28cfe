"""The README shows what the committed run found."""

import csv
import io
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def committed(path: str) -> str:
    """A file as it was committed: a run at hand may have made it anew with other numbers."""
    done = subprocess.run(
        ["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        pytest.skip("not a git checkout with a committed run")
    return done.stdout


def test_the_table_is_that_of_the_committed_run():
    assert committed("reports/tables/multimnist.md").strip() in README


def test_the_verdicts_are_those_of_the_committed_run():
    rows = csv.DictReader(io.StringIO(committed("reports/tables/claims.csv")))
    found = Counter(row["verdict"] for row in rows if row["dataset"] == "all")
    assert "supported" not in found
    said = (
        f"Of {found.total()} claims, this run contradicts {found['contradicted']}, "
        f"leaves {found['undecided']} undecided and does not hold the cells for {found['not run']}"
    )
    assert said in README


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_file_that_it_links_is_there(path):
    committed(path)
    assert (ROOT / path).exists()


def test_every_command_of_make_that_it_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|^)make ([a-z]+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
