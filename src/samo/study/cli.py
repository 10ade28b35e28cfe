"""The command line `samo`."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from samo.study.errors import ConfigError, FetchError, NotebookError, RankError

app = typer.Typer(
    name="samo",
    help="Sharpness-aware multi-task optimisation: the study's commands.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
Workers = Annotated[int, typer.Option(help="Cells side by side.", min=1, max=64)]
System = Annotated[bool, typer.Option("--system-metrics", help="Log processor, memory and disk to MLflow, too.")]
Source = Literal["run", "study"]
Quiet = Annotated[bool, typer.Option("--quiet", help="Nothing but faults and the table.")]


def main() -> None:
    """The entry point; what a person can mend comes as one line, not as a traceback."""
    with _for_people():
        app()


@app.command()
def check(
    params: Annotated[Path | None, typer.Argument(help="A params file; by default the active one.")] = None,
) -> None:
    """Check params.yaml: one line a fault, exit code 2, nothing run, nothing written."""
    from samo.study import config
    from samo.study.config import conditions as cells

    found = config.check(config.load(params), params.name if params else "params.yaml")
    print(
        f"{params or 'params.yaml'}: {len(cells.cells(found))} cells "
        f"on {len(found.datasets)} datasets, "
        f"{len(found.seeds)} seeds, {len(found.analyses)} analyses: all well"
    )


@app.command("cells")
def list_cells() -> None:
    """List the cells of the active profile, and which have run."""
    from samo.study import config, paths
    from samo.study.config import conditions as cells

    root = paths.root()
    for cell in cells.cells(config.load()):
        state = "has run" if (root / cell.runs / "metrics.json").exists() else "-"
        print(f"{cell.name:<40} {cell.stage:<48} {state}")


@app.command("profile", add_help_option=False, context_settings=PASSED_ON)
def make_active(context: typer.Context) -> None:
    """Make a profile the active one, and say what it will cost; --help lists the options."""
    from samo.study.config.command import command

    _pass_on(context, command, "samo profile")


@app.command("show")
def show_table(
    dataset: Annotated[str, typer.Argument(help="A dataset of the profile.")],
    method: Annotated[str | None, typer.Argument(help="One of its methods, to see every seed and trial.")] = None,
) -> None:
    """Print a dataset's table, or one method's values seed by seed."""
    from samo.study import config, paths
    from samo.study.report import show

    show.show(paths.root(), config.load(), dataset, method)


@app.command("figure")
def draw_figure(
    name: Annotated[str, typer.Argument(help="A figure of the report, such as multimnist-forest.")],
) -> None:
    """Draw one figure of the report anew, with its numbers and its words."""
    from samo.study import config, paths
    from samo.study.notebooks import figures_stage

    print(figures_stage.write_figure(paths.root(), config.load().datasets, name))


@app.command()
def claims(
    number: Annotated[int | None, typer.Argument(help="A claim, to see its comparisons.")] = None,
    source: Annotated[Source, typer.Option("--from", help="The run at hand, or the shipped reference run.")] = "run",
) -> None:
    """Print the verdicts on the papers' claims, or one claim's comparisons; `make repro` judges them."""
    from samo.study import paths
    from samo.study.report import claims_view

    claims_view.show(paths.root(), number, study=source == "study")


@app.command("ship", add_help_option=False, context_settings=PASSED_ON)
def keep_as_reference(context: typer.Context) -> None:
    """(maintainers) Keep this run of the profile as the reference run; --help lists the options."""
    from samo.study.report.command import command

    _pass_on(context, command, "samo ship")


@app.command("verify", add_help_option=False, context_settings=PASSED_ON)
def make_again(context: typer.Context) -> None:
    """Make a cell, or --sample N of them, again and compare with what is stored; --help lists the options."""
    from samo.study.runs.command import command

    _pass_on(context, command, "samo verify")


@app.command()
def repro(workers: Workers = 2, quiet: Quiet = False, system_metrics: System = False) -> None:
    """Run what is not up to date, cells side by side, then print the table and where the report is."""
    from samo.study import config, paths
    from samo.study.grid import pipeline, work
    from samo.study.tracking import track
    from samo.study.tracking.machine import ASKED

    root = paths.root()
    params = config.check(config.load())
    if system_metrics:
        os.environ[ASKED] = "true"  # the workers see it
    code = pipeline.repro(root, workers, work.weights(root, params), quiet, before=lambda: track.prepare(root, params))
    if code == pipeline.STOPPED:
        sys.exit(code)  # how to go on is the last that it said
    for dataset in params.datasets:
        table = root / "reports/tables" / f"{dataset}.md"
        if table.exists():
            print(f"\n{table.read_text()}")
    _name_report(root)
    sys.exit(code)


@app.command("grid", add_help_option=False, context_settings=PASSED_ON)
def run_cells(context: typer.Context) -> None:
    """Run the cells alone, here or on a Ray cluster; --help lists the options."""
    from samo.study.grid.command import command

    _pass_on(context, command, "samo grid")


@app.command("run", context_settings={"ignore_unknown_options": True})
def run_notebook(
    notebook: str,
    name: Annotated[str, typer.Option(help="Name of the executed copy.")],
    p: Annotated[list[str] | None, typer.Option("-p", help="A parameter, as key=value.")] = None,
) -> None:
    """Execute a notebook with parameters (what a stage of dvc.yaml does)."""
    from samo.study.grid.stopping import stopping
    from samo.study.notebooks import notebook as runner

    pairs = [item.split("=", 1) for item in p or []]
    if any(len(pair) != 2 for pair in pairs):
        raise typer.BadParameter("parameters are written key=value", param_hint="-p")
    try:
        with stopping():
            runner.run(notebook, name, dict(pairs))
    except KeyboardInterrupt:
        print("stopped; a cell goes on from its last checkpoint", file=sys.stderr)
        sys.exit(130)


@app.command()
def render() -> None:
    """Turn the executed report notebook into the HTML report."""
    from samo.study import config, paths
    from samo.study.report import render as pages

    root = paths.root()
    device = config.device(config.load().train.device)
    pages.render(root / "reports/executed/report.ipynb", root, device.type)


@app.command("fetch")
def fetch_raw(dataset: str) -> None:
    """Bring a dataset's raw files, verified, from the first source that has them."""
    from samo import datasets
    from samo.study import paths
    from samo.study.data import fetch

    if dataset not in datasets.names():
        raise ValueError(f"no dataset {dataset!r}: there are {', '.join(datasets.names())}")
    module = datasets.get(dataset)
    folder = paths.root() / "data/raw" / dataset
    fetch.fetch(module.RAW, folder, paths.given_data(dataset), print)


@app.command("layers")
def choose_layers(
    dataset: str,
    out: Annotated[Path | None, typer.Option(help="A JSON file for `layers: @FILE` of a preset, too.")] = None,
) -> None:
    """Name the layers on which the tasks' agreement moves most, for the preset samo-sampled."""
    from samo.study import paths
    from samo.study.notebooks.layers_stage import choice

    print(choice(paths.root(), dataset, out))


@app.command()
def track() -> None:
    """Bring MLflow up to data/runs: runs that are missing, Δm, notebooks; what is there already stays."""
    from samo.study import config, paths
    from samo.study.tracking.mlflow_store import place
    from samo.study.tracking.rebuild import rebuild

    root = paths.root()
    made = rebuild(root, config.load(), print)
    print(f"{made} runs made in {place(root)}")


@app.command("ui", add_help_option=False, context_settings=PASSED_ON)
def show_runs(context: typer.Context) -> None:
    """Start MLflow's page on the runs, on this machine only; --help lists the options."""
    from samo.study.tracking.command import command

    _pass_on(context, command, "samo ui")


@app.command("bench", add_help_option=False, context_settings=PASSED_ON)
def bench_steps(
    context: typer.Context,
    loading: Annotated[bool, typer.Option("--loading", help="Time loading beside the step.")] = False,
) -> None:
    """Time and memory of a step for every preset, or with --loading of a batch; --help lists the options."""
    if loading:
        from samo.study.bench_loading import bench_loading  # torch's seconds are for those who measure

        _pass_on(context, bench_loading, "samo bench --loading")
    else:
        from samo.study.bench import bench

        _pass_on(context, bench, "samo bench")


@app.command()
def report() -> None:
    """Name the report, and open it where there is a screen."""
    from samo.study import paths

    root = paths.root()
    _name_report(root)
    page = root / "reports/html/index.html"
    if page.exists() and (os.environ.get("DISPLAY") or sys.platform == "darwin"):
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def _pass_on(context: typer.Context, command: Callable[..., None], name: str) -> None:
    """Give the rest of the line to a command of its own file, which has its own options."""
    inner = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    inner.command()(command)
    inner(args=context.args, prog_name=name)


def _name_report(root: Path) -> None:
    page = root / "reports/html/index.html"
    print(f"report: {page}" if page.exists() else "report: none yet, `make repro` writes it")


@contextmanager
def _for_people() -> Iterator[None]:
    """Faults that a person can mend become one line; those of params.yaml exit with 2, others with 1."""
    try:
        yield
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except (FetchError, NotebookError, OSError, RankError, ValueError) as error:
        print(f"samo: {error}", file=sys.stderr)
        sys.exit(1)
