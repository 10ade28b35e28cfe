"""The command `samo ship`: a run of the profile becomes the reference run."""

import sys

from samo.study import config, paths
from samo.study.report import reference, reference_ship


def command(tables: bool) -> None:
    """Keep this run of the active profile as the reference run, in data/reference/study."""
    root = paths.root()
    if tables:
        reference_ship.write_tables(reference.read(root / reference.FOLDER))
    elif missing := reference_ship.ship(root, config.load()):
        print(f"shipped without {len(missing)} cells that have not run: {', '.join(missing)}", file=sys.stderr)
