"""The command line `samo`: a command imports what it needs when it is called, so that `samo --help` is quick."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from samo.study import ask, paths
from samo.study.errors import ConfigError, FetchError, NotebookError, PipelineError, RankError
from samo.study.git import GitError

if TYPE_CHECKING:
    from samo.study.config import Params

app = typer.Typer(
    name="samo",
    help="Sharpness-aware multi-task optimisation: the study's commands.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Quiet = Annotated[bool, typer.Option("--quiet", help="Print only faults and the table.")]
app.add_typer(ask.app)


def main() -> None:
    """The entry point; faults that the user can fix are told in one line, not as a traceback."""
    with one_line():
        app()


@app.command()
def check(
    params: Annotated[Path | None, typer.Argument(help="A params file; by default the active one.")] = None,
) -> None:
    """Check params.yaml without running anything (a line per fault, exit code 2), and clear DVC's stale locks."""
    from samo.study import config, locks
    from samo.study.config import conditions

    found = config.check(config.load(params), params.name if params else "params.yaml")
    print(
        f"{params or 'params.yaml'}: {len(conditions.conditions(found))} conditions on {len(found.datasets)} datasets, "
        f"{len(found.seeds)} seeds, {len(found.analyses)} analyses: all well"
    )
    if params is None and (paths.root() / ".dvc/tmp/rwlock").exists():
        from samo.study.grid.plan import calm_dvc

        with calm_dvc():
            if locks.repair(paths.root()):
                print(".dvc/tmp/rwlock: entries of processes that are gone were removed, `dvc repro` works again")


@app.command("conditions")
def list_conditions() -> None:
    """List the conditions of the active profile, and which have run."""
    from samo.study.config.conditions import conditions

    root, params = ask.study()
    for condition in conditions(params):
        state = "has run" if condition.has_run(root) else "-"
        print(f"{condition.name:<40} {condition.stage:<48} {state}")


@app.command()
def profile(
    name: Annotated[str | None, typer.Argument(help="A profile; without one they are listed.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would cost; params.yaml stays.")] = False,
    workers: Annotated[int, typer.Option(help="Conditions side by side, for the time estimate.", min=1, max=64)] = 2,
) -> None:
    """Activate a profile, and say what it will cost: conditions, time, disk, missing raw data."""
    from samo.study.profile import command

    command(name, dry_run, workers)


@app.command()
def verify(
    dataset: Annotated[str | None, typer.Argument(help="A dataset of the profile.")] = None,
    method: Annotated[str | None, typer.Argument(help="One of its methods.")] = None,
    sample: Annotated[int | None, typer.Option(help="Draw this many conditions instead of naming one.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the draw; picked and printed if left out.", min=0)] = None,
) -> None:
    """Rerun a condition in a temporary place and compare it with the stored one, byte for byte.

    Exit code 1 if anything differs; nothing in the project is written.
    """
    from samo.study import verify as verification

    root, params = ask.study()
    if sample is not None and dataset is None:
        wanted = verification.drawn(root, params, sample, seed)
    elif sample is None and dataset is not None and method is not None:
        wanted = [verification.named(root, params, dataset, method)]
    else:
        raise typer.BadParameter("name a DATASET and a METHOD, or draw conditions with --sample N")
    sys.exit(0 if verification.verify(root, params, wanted) else 1)


@app.command()
def repro(
    workers: Annotated[int, typer.Option(help="Conditions side by side.", min=1, max=64)] = 2,
    quiet: Quiet = False,
    system_metrics: Annotated[
        bool, typer.Option("--system-metrics", help="Log processor, memory and disk to MLflow, too.")
    ] = False,
) -> None:
    """Run what is out of date, conditions side by side, then print the tables and where the report is."""
    from samo.study.grid import pipeline
    from samo.study.report import show
    from samo.study.tracking import track

    if system_metrics:
        os.environ[track.ASKED] = "true"  # the workers see it
    root, params = ask.study()
    code = _run(root, params, workers, quiet)
    if code == pipeline.STOPPED:
        sys.exit(code)  # its last line says how to go on
    for dataset in params.datasets:
        if (root / "reports/tables" / f"{dataset}.csv").exists():
            show.show(root, params, dataset)
            print(f"every seed and trial: `samo show {dataset} METHOD`\n")
    ask.name_report(root)
    sys.exit(code)


@app.command()
def grid(
    workers: Annotated[
        int | None, typer.Option(help="Side by side; by default 2 here, on a cluster all that fit.", min=1, max=10_000)
    ] = None,
    ray: Annotated[str | None, typer.Option(help="A running Ray cluster: auto, HOST:PORT or ray://HOST:PORT.")] = None,
    remote: Annotated[str | None, typer.Option(help="The DVC remote for its data and results.")] = None,
    quiet: Quiet = False,
) -> None:
    """Run only conditions and analyses, here or on a Ray cluster; `samo repro` then measures costs and reports."""
    from samo.study.grid.cluster import Cluster
    from samo.study.tracking.rebuild import rebuild

    (root, params), cluster = ask.study(), None
    if ray is not None and remote is not None:
        cluster = Cluster(ray, remote, params.cluster.cpus, params.cluster.gpus, workers)
    elif ray is not None or remote is not None:
        raise typer.BadParameter("a cluster needs both --ray ADDRESS and --remote NAME")
    code = _run(root, params, workers or 2, quiet, rest=False, cluster=cluster)
    if cluster:  # its workers cannot write to this machine's MLflow
        rebuild(root, params, lambda _: None)
    sys.exit(code)


def _run(root: Path, params: "Params", workers: int, quiet: bool, rest: bool = True, cluster: Any = None) -> int:
    """Bring the pipeline up to date; see `samo.study.grid.pipeline.repro`."""
    from samo.study import config
    from samo.study.grid import estimate, pipeline
    from samo.study.tracking import track

    weight = estimate.weights(root, config.check(params))
    before, took = partial(track.prepare, root, params), partial(estimate.note, root)
    return pipeline.repro(root, workers, weight, quiet, before, rest, cluster, took)


@app.command("run", context_settings={"ignore_unknown_options": True})
def run_notebook(
    notebook: str,
    name: Annotated[str, typer.Option(help="Name of the executed copy.")],
    p: Annotated[list[str] | None, typer.Option("-p", help="A parameter, as key=value.")] = None,
) -> None:
    """Execute a notebook with parameters, as the stages of dvc.yaml do."""
    from samo.study.notebooks import notebook as runner
    from samo.study.processes import stopping

    pairs = [item.split("=", 1) for item in p or []]
    if any(len(pair) != 2 for pair in pairs):
        raise typer.BadParameter("parameters are written key=value", param_hint="-p")
    try:
        with stopping():
            runner.run(notebook, name, dict(pairs))
    except KeyboardInterrupt:
        print("stopped; a condition goes on from its last checkpoint", file=sys.stderr)
        sys.exit(130)


@app.command()
def render() -> None:
    """Turn the executed report notebook into the HTML report, and list the executed notebooks."""
    from samo.study import config
    from samo.study.report.page import index
    from samo.study.report.page import render as page

    root, params = ask.study()
    page.render(root / "reports/executed/report.ipynb", root, config.device(params.train.device).type)
    index.write(root, params)


@app.command("fetch")
def fetch_raw(dataset: str) -> None:
    """Fetch a dataset's raw files, verified, from the first source that has them."""
    from samo import datasets
    from samo.study.data import fetch

    if dataset not in datasets.names():
        raise ValueError(f"no dataset {dataset!r}: there are {', '.join(datasets.names())}")
    fetch.fetch(datasets.get(dataset).RAW, paths.root() / "data/raw" / dataset, paths.given_data(dataset), print)


@contextmanager
def one_line() -> Iterator[None]:
    """Tell faults that the user can fix in one line each; those of params.yaml exit with 2, others with 1."""
    try:
        yield
    except (ConfigError, PipelineError) as error:
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except (FetchError, GitError, NotebookError, OSError, RankError, ValueError) as error:
        print(f"samo: {error}", file=sys.stderr)
        sys.exit(1)
