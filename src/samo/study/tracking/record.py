"""One condition's runs in MLflow, a run per seed: what each says of itself, its numbers and files, and how it ends."""

import base64
import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from samo.optim import sharpness
from samo.results.tables import Run
from samo.study.config import Params
from samo.study.config.conditions import Condition
from samo.study.git import GitError, git
from samo.study.processes import identity, is_alive_as
from samo.training.search import Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

LONGEST = 500  # the most characters of a setting that every kind of store accepts
BATCH = 1000  # the most metrics that one call to MLflow accepts
FIGURES = {"image/svg+xml": "svg", "image/png": "png"}
PROCESS, FILES = "process", "artifacts"  # tags: the process that owns a run under way; the files that a run has
_md5 = partial(hashlib.md5, usedforsecurity=False)


@dataclass(frozen=True)
class Record:
    """The runs of a condition in one experiment of MLflow."""

    client: "MlflowClient"
    experiment: str
    root: Path
    params: Params
    condition: Condition

    def start(self, updates: int, seed: int, chosen: Trial, device: str) -> str:
        """Make the run of a budget and seed with its settings, tags and data; returns its id."""
        from mlflow.entities import Param

        own = {"git.commit": commit(self.root), "device": device, PROCESS: identity()}
        named = f"{self.condition.method}/{updates}/{seed}"
        marked = tags(self.params, self.condition, updates, seed) | own
        run = str(self.client.create_run(self.experiment, run_name=named, tags=marked).info.run_id)
        said = settings(self.params, self.condition, updates, chosen)
        self.client.log_batch(run, params=[Param(*item) for item in said.items()])
        if (data := trained_on(self.root, self.params, self.condition.dataset)) is not None:
            self.client.log_inputs(run, [data])
        return run

    def finish(self, run: str, of: Run, seed: int) -> None:
        """Name a run by its results; older runs of the same budget and seed stay, marked as not current."""
        same = {"condition": self.condition.name, "seed": seed, "updates": of["updates"]}
        query = " and ".join(f"tags.{tag} = '{value}'" for tag, value in same.items())
        for other in self.client.search_runs([self.experiment], query, max_results=1000):
            if other.info.run_id != run and other.data.tags.get("current") != "no":
                self.client.set_tag(other.info.run_id, "current", "no")
        self.client.set_tag(run, "current", "yes")
        self.client.set_tag(run, "results", digest(of, str(seed)))
        self.client.delete_tag(run, PROCESS)
        self.client.set_terminated(run)


def digest(of: Run, seed: str) -> str:
    """What identifies a run among those of its condition and budget: its settings and results."""
    known = [of["dataset"], of["method"], of["updates"], of["search"]["chosen"], of["seeds"][seed]]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]


def commit(root: Path) -> str:
    """The code's commit, with a plus where the folder has changes on top; "unknown" outside git."""
    try:
        head = git(root, "rev-parse", "HEAD").strip()
        return head + ("+" if git(root, "status", "--porcelain", "-uno").strip() else "")
    except GitError:
        return "unknown"


def tags(params: Params, condition: Condition, updates: int, seed: int) -> dict[str, str]:
    """What runs are grouped and searched by."""
    method = params.methods_on(condition.dataset)[condition.method]
    made_of = {"aggregator": method.aggregator_name, "sharpness": method.preset_name}
    own = {"dataset": condition.dataset, "method": condition.method, "condition": condition.name}
    variant = "yes" if condition.variant else "no"
    return own | made_of | {"updates": str(updates), "seed": str(seed), "variant": variant}


def settings(params: Params, condition: Condition, updates: int, chosen: Trial) -> dict[str, str]:
    """Everything that decides a run, flattened: rho, alpha, aggregator, training.batch, data.train, …"""
    method, block = params.methods_on(condition.dataset)[condition.method], params.datasets[condition.dataset]
    perturbation = sharpness.preset(method.preset_name, **chosen.fields(method.preset_fields))
    found: dict[str, Any] = {
        "aggregator": method.aggregator_name,
        **{f"aggregator.{key}": value for key, value in method.aggregator_options.items()},
        "sharpness": method.preset_name,
        "networks": method.networks,
        "updates": updates,
        "lr": chosen.lr,
        **{f"data.{key}": value for key, value in block.data.model_dump().items()},
        **{f"training.{key}": value for key, value in block.training.model_dump().items()},
        "training.optimizer": method.optimizer or block.training.optimizer,
    }
    if perturbation.scope != "none":
        plain = ("rho", "alpha", "mu")  # clear without a prefix
        found |= {key if key in plain else f"sharpness.{key}": value for key, value in asdict(perturbation).items()}
    return {key: str(value)[:LONGEST] for key, value in found.items()}


def trained_on(root: Path, params: Params, dataset: str) -> "DatasetInput | None":
    """The prepared data, with their digest in DVC's cache; None if they are not on this disk."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    folder = root / "data/prepared" / dataset
    if not folder.is_dir():
        return None
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    listed = [{"md5": _md5(files[name].read_bytes()).hexdigest(), "relpath": name} for name in sorted(files)]
    known = _md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"
    source = json.dumps({"uri": folder.relative_to(root).as_posix()})
    data = Dataset(dataset, known, "local", source, profile=json.dumps(params.datasets[dataset].data.model_dump()))
    return DatasetInput(data, [InputTag("mlflow.data.context", "training")])


def log_values(client: "MlflowClient", run: str, values: Iterable[tuple[str, float, int]]) -> None:
    """Log (name, value, step)."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, step) for name, value, step in values]
    for first in range(0, len(metrics), BATCH):
        client.log_batch(run, metrics=metrics[first : first + BATCH])


def named(rows: Iterable[Any]) -> list[tuple[str, float, int]]:
    """The history's rows as (`<split>/<task>/<metric>`, value, update)."""
    return [(f"{r.split}/{r.task}/{r.metric}", r.value, r.update) for r in rows]


def keep_files(client: "MlflowClient", run: str, known: str | None, files: list[Path]) -> None:
    """Copy an executed notebook, its page and its figures to a run; `known` is its tag `FILES`."""
    mark = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()[:16]
    if not files or known == mark:
        return
    with TemporaryDirectory() as folder:
        for path in files:
            client.log_artifact(run, str(path), "notebook")
            for number, (ending, content) in enumerate(_figures(path) if path.suffix == ".ipynb" else (), 1):
                figure = Path(folder) / f"{number}.{ending}"
                figure.write_bytes(base64.b64decode(content) if ending == "png" else content.encode())
                client.log_artifact(run, str(figure), "figures")
    client.set_tag(run, FILES, mark)


def _figures(notebook: Path) -> list[tuple[str, str]]:
    """(Ending, content) of the drawings among a notebook's outputs."""
    cells = json.loads(notebook.read_text())["cells"]
    found = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    kinds = [(next((kind for kind in FIGURES if kind in data), None), data) for data in found]
    return [(FIGURES[kind], "".join(data[kind])) for kind, data in kinds if kind]


def end_interrupted(client: "MlflowClient", experiment: str, condition: str | None = None) -> int:
    """Mark the runs that a killed process left under way: all, or those of one condition. Returns how many."""
    query = "attributes.status = 'RUNNING'" + (f" and tags.condition = '{condition}'" if condition else "")
    running = client.search_runs([experiment], query, max_results=1000)
    left = [run for run in running if not is_alive_as(run.data.tags.get(PROCESS, ""))]
    for run in left:
        client.set_terminated(run.info.run_id, "KILLED")
    return len(left)
