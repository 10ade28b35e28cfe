"""The README shows what the committed run found."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def committed(path: str) -> str:
    """A file as it was committed: a run at hand may have made it anew with other numbers."""
    done = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout with a committed run")
    return done.stdout


def test_the_table_is_that_of_the_committed_run():
    assert committed("reports/tables/multimnist.md").strip() in README


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_file_that_it_links_is_there(path):
    committed(path)
    assert (ROOT / path).exists()


def test_every_command_of_make_that_it_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|^)make ([a-z]+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
