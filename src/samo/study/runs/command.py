"""`samo verify`: its arguments, and which cells they mean."""

import sys
from typing import Annotated

import numpy as np
import typer

from samo.study import config, paths
from samo.study.runs.verify import drawn, named, verify


def command(
    dataset: Annotated[str | None, typer.Argument(help="A dataset of the profile.")] = None,
    method: Annotated[str | None, typer.Argument(help="One of its methods.")] = None,
    sample: Annotated[int | None, typer.Option(help="Draw so many cells instead of naming one.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Of the draw; without one, that taken is said.", min=0)] = None,
) -> None:
    """Make a cell again in a temporary place and compare it with what is stored, byte for byte.

    Exit code 1 where anything differs; nothing under data/ is touched.
    """
    root, params = paths.root(), config.load()
    if sample is not None and dataset is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        _say(f"drawn with --seed {seed}")
        wanted = drawn(root, params, sample, np.random.default_rng(seed), _say)
    elif sample is None and dataset is not None and method is not None:
        wanted = [named(root, params, dataset, method)]
    else:
        raise typer.BadParameter("name a DATASET and a METHOD, or draw cells with --sample N")
    sys.exit(0 if verify(root, params, wanted, _say) else 1)


def _say(line: str) -> None:
    print(line, flush=True)
