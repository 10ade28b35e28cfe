"""The command `samo ship`: a run of the profile becomes the reference run."""

import sys
from typing import Annotated

import typer

from samo.study import config, paths
from samo.study.report import reference


def command(
    tables: Annotated[bool, typer.Option("--tables", help="Only what follows from the shipped records, anew.")] = False,
) -> None:
    """Keep this run of the active profile as the reference run, in data/reference/study."""
    root = paths.root()
    if tables:
        reference.write_tables(reference.read(root / reference.FOLDER))
    elif missing := reference.write(root, config.load()):
        print(f"shipped without {len(missing)} conditions that have not run: {', '.join(missing)}", file=sys.stderr)
