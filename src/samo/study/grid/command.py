"""The command `samo grid`: the cells alone, on this machine or on a cluster."""

import sys
from typing import Annotated

import typer


def command(
    workers: Annotated[
        int | None, typer.Option(help="Side by side; by default 2 here, all that fit on a cluster.", min=1, max=10_000)
    ] = None,
    ray: Annotated[str | None, typer.Option(help="A running Ray cluster: auto, HOST:PORT or ray://HOST:PORT.")] = None,
    remote: Annotated[str | None, typer.Option(help="The DVC remote for its data and results.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Nothing but faults.")] = False,
) -> None:
    """Run the cells and analyses that are not up to date; `samo repro` then measures costs, and makes the report."""
    from samo.study import config, grid, paths
    from samo.study.grid import pipeline, work
    from samo.study.tracking import track
    from samo.study.tracking.rebuild import rebuild

    if (ray is None) != (remote is None):
        raise typer.BadParameter("a cluster needs both --ray ADDRESS and --remote NAME")
    root = paths.root()
    params = config.check(config.load())
    cluster = None
    if ray is not None and remote is not None:
        cluster = grid.Cluster(ray, remote, params.cluster.cpus, params.cluster.gpus, workers)
    code = pipeline.repro(
        root,
        workers or 2,
        work.weights(root, params),
        quiet,
        before=lambda: track.prepare(root, params),
        rest=False,
        cluster=cluster,
    )
    if cluster:  # its workers cannot write to this machine's MLflow
        rebuild(root, params, lambda _: None)
    sys.exit(code)
