"""A dataset's runs in MLflow, one per condition, budget and seed: what each says of itself, its numbers, its files."""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from samo.optim import sharpness
from samo.results import tables
from samo.study.config import Params
from samo.study.config.conditions import Condition
from samo.study.git import GitError, git
from samo.study.processes import identity, is_alive_as
from samo.study.tracking import mlflow_store
from samo.training.search import Trial

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Run

LONGEST = 500  # the most characters of a setting that every kind of store accepts
MOST = 50_000  # the most runs that one search in MLflow gives
PROCESS, FILES = "process", "artifacts"  # tags: the process that owns a run under way; the files that a run has


class Record:
    """The runs of a dataset, in an experiment of its name; an OSError if the store's database is locked, or is none."""

    def __init__(self, root: Path, params: Params, dataset: str) -> None:
        self.root, self.params, self.dataset = root, params, dataset
        self.client = mlflow_store.connect(root)
        self.experiment = mlflow_store.experiment(self.client, root, dataset)

    @cached_property
    def data(self) -> "DatasetInput":
        """The prepared data, hashed once for all runs."""
        return prepared(self.root, self.params, self.dataset)

    def page(self, server: str) -> str:
        """The address of the runs on a server, at first those of the main table, the best Delta-m first."""
        main = 'tags.current = "yes" and tags.variant = "no"'
        view = urlencode({"searchFilter": main, "orderByKey": "metrics.`delta_m`", "orderByAsc": "true"})
        return f"{server}/#/experiments/{self.experiment}/runs?{view}"

    def runs(self, query: str = "") -> "list[Run]":
        """The runs that meet a condition in MLflow's language, by default all."""
        found = page = self.client.search_runs([self.experiment], query, max_results=MOST)
        while page.token:
            page = self.client.search_runs([self.experiment], query, max_results=MOST, page_token=page.token)
            found += page
        return list(found)

    def start(self, condition: Condition, updates: int, seed: int, chosen: Trial, device: str) -> str:
        """Make the run of a budget and seed with its settings, tags and data; returns its id."""
        from mlflow.entities import Param

        method = self.params.methods_on(self.dataset)[condition.method]
        tags = {
            "dataset": self.dataset,
            "method": condition.method,
            "condition": condition.name,
            "aggregator": method.aggregator_name,
            "sharpness": method.preset_name,
            "updates": str(updates),
            "seed": str(seed),
            "variant": "yes" if condition.variant else "no",
            "git.commit": commit(self.root),
            "device": device,
            PROCESS: identity(),
        }
        named = f"{condition.method}/{updates}/{seed}"
        run = str(self.client.create_run(self.experiment, run_name=named, tags=tags).info.run_id)
        said = settings(self.params, condition, updates, chosen)
        self.client.log_batch(run, params=[Param(key, str(value)[:LONGEST]) for key, value in said.items()])
        if (self.root / "data/prepared" / self.dataset).is_dir():
            self.client.log_inputs(run, [self.data])
        return run

    def log(self, run: str, rows: Iterable[Any]) -> None:
        """Log rows of a history as `<split>/<task>/<metric>`, each at its update."""
        self.log_values(run, [(f"{row.split}/{row.task}/{row.metric}", row.value, row.update) for row in rows])

    def log_values(self, run: str, values: Iterable[tuple[str, float, int]]) -> None:
        """Log (name, value, step)."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self.client.log_batch(run, metrics=[Metric(name, value, now, step) for name, value, step in values])

    def finish(self, run: str, of: tables.Run, seed: int) -> None:
        """Name a run by its results; older runs of the same budget and seed stay, marked as not current."""
        same = {"condition": f"{of['dataset']}/{of['method']}", "seed": seed, "updates": of["updates"]}
        for other in self.runs(" and ".join(f"tags.{tag} = '{value}'" for tag, value in same.items())):
            if other.info.run_id != run and other.data.tags.get("current") != "no":
                self.client.set_tag(other.info.run_id, "current", "no")
        self.client.set_tag(run, "current", "yes")
        self.client.set_tag(run, "results", digest(of, str(seed)))
        self.client.delete_tag(run, PROCESS)
        self.client.set_terminated(run)

    def complete(self, run: "Run", numbers: Mapping[str, float], notebook: Path) -> None:
        """Bring a run's tags, scores and files up to date, with its executed notebook; leave alone what already is."""
        own, tags = run.info.run_id, run.data.tags
        if tags.get("current") != "yes":  # these results were there before, and are again
            self.client.set_tag(own, "current", "yes")
        self.log_values(own, [(k, v, 0) for k, v in numbers.items() if run.data.metrics.get(k) != v])
        files = [path for path in (notebook.with_suffix(".html"), notebook) if path.is_file()]
        contents = [hashlib.sha256(path.read_bytes()).digest() for path in files]
        mark = hashlib.sha256(b"".join(contents)).hexdigest()[:16]
        if not files or tags.get(FILES) == mark:
            return
        for path in files:
            self.client.log_artifact(own, str(path), "notebook")
        for number, drawing in enumerate(drawings(notebook), 1):
            self.client.log_text(own, drawing, f"figures/{number}.svg")
        self.client.set_tag(own, FILES, mark)

    def end_interrupted(self, condition: Condition | None = None) -> int:
        """Mark the runs that a killed process left under way: all, or those of one condition. Returns how many."""
        query = "attributes.status = 'RUNNING'" + (f" and tags.condition = '{condition.name}'" if condition else "")
        left = [run for run in self.runs(query) if not is_alive_as(run.data.tags.get(PROCESS, ""))]
        for run in left:
            self.client.set_terminated(run.info.run_id, "KILLED")
        return len(left)


def digest(of: tables.Run, seed: str) -> str:
    """What identifies a run among those of its condition and budget: its settings and results."""
    known = [of["dataset"], of["method"], of["updates"], of["search"]["chosen"], of["seeds"][seed]]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]


def commit(root: Path) -> str:
    """The code's commit, with a plus where the folder has changes on top; "unknown" outside git."""
    try:
        return git(root, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+").strip()
    except GitError:
        return "unknown"


def settings(params: Params, condition: Condition, updates: int, chosen: Trial) -> dict[str, Any]:
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
    return found


def prepared(root: Path, params: Params, dataset: str) -> "DatasetInput":
    """The prepared data, with their digest in DVC's cache."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    folder = root / "data/prepared" / dataset
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    listed = json.dumps([{"md5": _md5((folder / name).read_bytes()), "relpath": name} for name in names])
    source = json.dumps({"uri": folder.relative_to(root).as_posix()})
    profile = json.dumps(params.datasets[dataset].data.model_dump())
    data = Dataset(dataset, f"{_md5(listed.encode())}.dir", "local", source, profile=profile)
    return DatasetInput(data, [InputTag("mlflow.data.context", "training")])


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def drawings(notebook: Path) -> list[str]:
    """The pictures among a notebook's outputs, as `view.picture` leaves them."""
    cells = json.loads(notebook.read_text())["cells"] if notebook.is_file() else []
    found = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    return ["".join(data["image/svg+xml"]) for data in found if "image/svg+xml" in data]
