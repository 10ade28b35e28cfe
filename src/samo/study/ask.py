"""Commands that look at results or at the machine: tables, figures, claims, MLflow, the cost of a step."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from samo.study import paths

if TYPE_CHECKING:
    from samo.study.config import Params

app = typer.Typer()
Names = list[str] | None


def study() -> "tuple[Path, Params]":
    """The project's folder, and the active profile."""
    from samo.study import config

    return paths.root(), config.load()


@app.command("show")
def show_table(
    dataset: Annotated[str, typer.Argument(help="A dataset of the profile.")],
    method: Annotated[str | None, typer.Argument(help="One of its methods, to see every seed and trial.")] = None,
) -> None:
    """Print a dataset's table, or one method's values seed by seed."""
    from samo.study.report import show

    show.show(*study(), dataset, method)


@app.command("figure")
def draw_figure(
    name: Annotated[str, typer.Argument(help="A figure of the report, such as multimnist-forest.")],
) -> None:
    """Redraw one figure of the report, with its numbers and its description."""
    from samo.study.report import outputs

    root, params = study()
    print(outputs.write_figure(root, params.datasets, name))


@app.command()
def claims(
    number: Annotated[int | None, typer.Argument(help="A claim, to see its comparisons.")] = None,
    source: Annotated[
        Literal["run", "study", "ladder"],
        typer.Option("--from", help="The run at hand, the shipped reference run, or what has run of the second."),
    ] = "run",
    characteristics: Annotated[
        int,
        typer.Option(help="Instead, how often the rule errs in N simulated worlds with the reference run's noise."),
    ] = 0,
) -> None:
    """Print the verdicts on the papers' claims, or one claim's comparisons; `make repro` judges them."""
    from samo.study.report import reference, show

    root = paths.root()
    if characteristics:
        print(show.characteristics(root, characteristics, number))
    elif source == "ladder":
        from samo.study.ladder.assemble import shipped

        show.show_claims(root, number, run=shipped(root))
    else:
        show.show_claims(root, number, run=reference.needed(root) if source == "study" else None)


@app.command()
def ladder(
    workers: Annotated[int, typer.Option(help="Trainings side by side, one thread each.", min=1, max=64)] = 2,
    hours: Annotated[float, typer.Option(help="Hours after which no new training begins.", min=0)] = 1000.0,
    tables: Annotated[bool, typer.Option("--tables", help="Only write the tables of what has run.")] = False,
) -> None:
    """Run what is still missing from the second reference run, in the order of its plan; stop it at any time."""
    from samo.study.ladder.run import command
    from samo.study.processes import stopping

    try:
        with stopping():
            command(paths.root(), workers=workers, hours=hours, tables=tables)
    except KeyboardInterrupt:
        print("stopped; whole trainings are kept, `samo ladder` goes on", file=sys.stderr)
        sys.exit(130)


@app.command()
def ship(
    tables: Annotated[bool, typer.Option("--tables", help="Only rewrite the tables of the shipped records.")] = False,
) -> None:
    """(maintainers) Keep this run of the active profile as the reference run, in data/reference/study."""
    from samo.study.report import reference

    root, params = study()
    if tables:
        reference.write_tables(reference.read(root / reference.FOLDER))
    elif missing := reference.write(root, params):
        print(f"shipped without {len(missing)} conditions that have not run: {', '.join(missing)}", file=sys.stderr)


@app.command("layers")
def choose_layers(
    dataset: str,
    out: Annotated[
        Path | None, typer.Option(help="Also a JSON file, for `preset(layers='@FILE')` in your own code.")
    ] = None,
) -> None:
    """Name the layers on which the tasks' agreement varies most, for the preset samo-sampled."""
    from samo.study.report.show import chosen_layers

    print(chosen_layers(paths.root(), dataset, out))


@app.command()
def track() -> None:
    """Bring MLflow up to date with data/runs: add missing runs, Δm and notebooks, and keep what is already there."""
    from samo.study.tracking.mlflow_store import place
    from samo.study.tracking.rebuild import rebuild

    root, params = study()
    print(f"{rebuild(root, params, print)} runs made in {place(root)}")


@app.command()
def ui(port: Annotated[int, typer.Option(min=1, max=65535)] = 5000) -> None:
    """Start MLflow's web page of the runs, reachable from this machine only."""
    from samo.study.tracking import rebuild

    rebuild.show(paths.root(), port)


@app.command()
def bench(
    preset: Annotated[Names, typer.Option(help="A preset, repeatable; all by default.")] = None,
    problem: Annotated[Names, typer.Option(help="A problem, repeatable; all by default.")] = None,
    aggregator: Annotated[Names, typer.Option(help="ls and mgda by default.")] = None,
    loading: Annotated[bool, typer.Option("--loading", help="Time loading beside the step, on prepared data.")] = False,
    dataset: Annotated[Names, typer.Option(help="With --loading: a dataset, repeatable.")] = None,
    repeats: Annotated[int | None, typer.Option(help="Interleaved rounds; the median is reported.", min=1)] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of a pass.", min=1)] = None,
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = Path("data/bench"),
) -> None:
    """Measure a step's time and peak memory for every preset or, with --loading, the time to make a batch."""
    from samo.study import bench as benches

    if loading:
        benches.bench_loading(dataset, repeats or 15, threads, out)
    else:
        benches.bench(preset, problem, aggregator, repeats or 5, threads or 1, out)


@app.command()
def estimates(
    dataset: Annotated[str, typer.Argument(help="A dataset of the profile, prepared.")],
    batch: Annotated[list[int] | None, typer.Option(help="Examples per update, repeatable; 32 by default.")] = None,
    at: Annotated[list[int] | None, typer.Option(help="After how many updates; 300 and 1000 by default.")] = None,
    looks: Annotated[int, typer.Option(help="Batches to measure at each of these points.", min=1)] = 10,
    whole: Annotated[bool, typer.Option("--whole", help="The whole trunk, where it has adapters.")] = False,
) -> None:
    """Compare stand-ins for a task's gradient (probes, remembered gradients, g_0) along a plain training."""
    from samo.analysis.estimates.points import Options
    from samo.study import estimates as compared

    options = Options(at=sorted(set(at or [300, 1000])), looks=looks)
    compared.command(dataset, sorted(set(batch or [32])), options, whole)


@app.command()
def report() -> None:
    """Print the report's path, and open it where there is a screen."""
    page = name_report(paths.root())
    if page.exists() and (os.environ.get("DISPLAY") or sys.platform == "darwin"):
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def name_report(root: Path) -> Path:
    page = root / "reports/html/index.html"
    print(f"report: {page}" if page.exists() else "report: none yet, `make repro` writes it")
    return page
