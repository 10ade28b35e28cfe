"""`samo verify`: conditions rerun by DVC in a temporary clone, and compared with what is stored."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from samo.study import config, git, paths, processes, store
from samo.study.config import Params
from samo.study.config.conditions import Condition, conditions
from samo.study.config.conditions import condition as of_profile
from samo.study.errors import PipelineError
from samo.study.grid.exchange import make_clone
from samo.study.grid.plan import plan
from samo.study.runs import ranks, results

say = partial(print, flush=True)


def named(root: Path, params: Params, dataset: str, method: str) -> Condition:
    """A condition that has run; a ValueError if the profile lacks it, a FileNotFoundError if it has not run."""
    found = of_profile(params, dataset, method)
    if not found.has_run(root):
        raise FileNotFoundError(f"{found.name} has not run, so there is nothing to verify: `dvc repro {found.stage}`")
    return found


def drawn(root: Path, params: Params, count: int, seed: int | None = None) -> list[Condition]:
    """Draw `count` of the conditions that have run, or all if there are fewer; prints the seed and those left out."""
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    say(f"drawn with --seed {seed}")
    ran = [one for one in conditions(params) if one.has_run(root)]
    if missing := [one.name for one in conditions(params) if one not in ran]:
        say(f"not run, so not drawn from: {', '.join(missing)}")
    if not ran:
        raise FileNotFoundError("no condition has run, so there is nothing to verify: `make repro` runs them")
    return [ran[k] for k in sorted(np.random.default_rng(seed).permutation(len(ran))[:count].tolist())]


def verify(root: Path, params: Params, wanted: Sequence[Condition]) -> bool:
    """Rerun conditions, print which files differ from what is stored and by how much; returns whether all are the same.

    Each is `dvc repro -f -s STAGE` in a clone with its own cache, without tracking: nothing in the project is written.
    Settings, data and code are the folder's present ones; it is printed if DVC sees that they changed since.
    """
    here = f"{config.device_name(ranks.device(params.train))}, torch {torch.__version__.split('+')[0]}"
    same = True
    for condition in wanted:
        prepared = store.needed(root, Path("data/prepared") / condition.dataset)
        say(f"{condition.name}: {origin(root, condition)}; here: {here}")
        try:
            if condition.stage in plan(root, [condition.stage]).stale:
                say(f"{condition.name}: params.yaml, data or code changed since it ran, so it may well differ")
        except PipelineError as error:
            say(f"{condition.name}: cannot tell whether it is up to date ({error})")
        with tempfile.TemporaryDirectory(prefix="samo-verify-") as folder:
            again = Path(folder) / "clone"
            failure = _make(root, condition, prepared, again)
            found = [f"nothing was made: {failure}"] if failure else differences(root, again, condition)
        for line in found:
            say(f"{condition.name}: DIFFERS {line}")
        if not found:
            say(f"{condition.name}: the same, {len(files(root, condition))} files")
        same = same and not found
    return same


def _make(root: Path, condition: Condition, prepared: Path, clone: Path) -> str:
    """Run the condition's stage in a clone made for it; returns why it failed, or "" if it did not."""
    make_clone(root, clone, clone.parent / "cache")
    shutil.copytree(prepared, clone / "data/prepared" / condition.dataset)
    environment = processes.environment() | {
        paths.CHECKPOINTS: str(clone.parent / "checkpoints"),
        paths.TRACKING: "off",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    }
    command = [sys.executable, "-m", "dvc", "repro", "--quiet", "--force", "--single-item", condition.stage]
    last = ""
    with subprocess.Popen(command, cwd=clone, env=environment, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            print(line, end="", file=sys.stderr, flush=True)
            last = line.strip() if line.startswith("samo: ") or not last else last
    return last.removeprefix("samo: ") or "dvc failed" if process.returncode else ""


def origin(root: Path, condition: Condition) -> str:
    """What a stored condition was made on, as far as MLflow knows: the results themselves hold none of it.

    Another device, processor or version of torch may change the last digits, and so what is chosen by them.
    """
    if not (tags := _tags(root, condition)):
        return "what it was made on is not recorded in MLflow"
    commit = tags.get("git.commit", "unknown")
    try:
        lock = git.git(root, "show", f"{commit.rstrip('+')}:requirements.lock")
    except git.GitError:
        lock = ""
    pinned = re.search(r"^torch==([0-9.]+)", lock, flags=re.MULTILINE)
    version = f"torch {pinned[1]}" if pinned else "a version of torch that is not known"
    return f"made on {tags['device']}, {version}, at commit {commit[:10]}{'+' if commit.endswith('+') else ''}"


def _tags(root: Path, condition: Condition) -> dict[str, str]:
    """The tags of an MLflow run with the stored results and a known device; empty if there is none, or no MLflow."""
    from samo.study.tracking import mlflow_store, record

    try:
        address = mlflow_store.uri(root)
        if address.startswith("sqlite:///") and not Path(address.removeprefix("sqlite:///")).exists():
            return {}  # asking would create a store
        metrics = results.view(store.read_json(root / condition.runs / "metrics.json"), {})
        known = record.digest(metrics, next(iter(metrics["seeds"])))
        client = mlflow_store.connect(root)
        experiment = client.get_experiment_by_name(condition.dataset)
        # `samo track` makes runs of its own, which know no device.
        query = f"tags.results = '{known}' AND tags.method = '{condition.method}' AND tags.device != 'unknown'"
        return dict(client.search_runs([experiment.experiment_id], query, max_results=1)[0].data.tags)
    except Exception:  # MLflow is only a view: any fault there is ignored
        return {}


def files(root: Path, condition: Condition) -> list[Path]:
    """The existing files of a condition, relative to `root`: results, then weights."""
    folders = (condition.runs, condition.models)
    search = [condition.search] if (root / condition.search).is_file() else []
    return search + [path.relative_to(root) for folder in folders for path in sorted((root / folder).glob("*"))]


def differences(stored: Path, again: Path, condition: Condition) -> list[str]:
    """One line per file that is not the same: results by their bytes, weights by their tensors."""
    found = []
    for name in dict.fromkeys(files(again, condition) + files(stored, condition)):
        one, other = stored / name, again / name
        if not one.is_file():
            found.append(f"{name}: is not stored")
        elif not other.is_file():
            found.append(f"{name}: is stored, but was not made again")
        elif one.read_bytes() != other.read_bytes() and (said := _difference(one, other)):
            found.append(f"{name}: {said}")
    return found


def _difference(stored: Path, again: Path) -> str:
    try:
        if stored.suffix == ".safetensors":
            return _of_weights(load_file(stored), load_file(again))
        return _of_values(_values(stored), _values(again)) or "the same values, but spelled otherwise"
    except (ValueError, SafetensorError) as error:
        return f"cannot be read ({str(error).splitlines()[0]})"


def _values(path: Path) -> pd.Series:
    """All values in a file, by their place in it."""
    if path.suffix == ".json":
        return pd.Series(dict(_leaves(json.loads(path.read_text()))), dtype=object)
    rows = enumerate(pd.read_csv(path).to_dict("records"), start=2)
    return pd.Series({f"line {n} {key}": value for n, row in rows for key, value in row.items()}, dtype=object)


def _leaves(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{where}.{key}".lstrip("."))
    else:
        yield where, value


def _of_values(stored: pd.Series, again: pd.Series) -> str:
    """How many values differ, and where numbers differ most; a value missing on one side counts."""
    one, other = stored.align(again)
    apart = one.compare(other)
    if apart.empty:
        return ""
    far = apart.apply(pd.to_numeric, errors="coerce").diff(axis=1)["other"].abs().dropna()
    at = far.idxmax() if len(far) else apart.index[0]
    most = f", by at most {far[at]:.3g}" if len(far) else ""
    pair = apart.loc[at]
    return f"{len(apart)} of {len(one)} values differ{most} ({at}: {pair['self']} stored, {pair['other']} made again)"


def _of_weights(stored: Mapping[str, torch.Tensor], again: Mapping[str, torch.Tensor]) -> str:
    """By how much tensors differ at most; empty if all are equal."""
    if alone := sorted(stored.keys() ^ again.keys()):
        return f"tensors of another network, as {alone[0]}"
    far = {}
    for name, one in stored.items():
        other = again[name]
        if one.shape != other.shape or one.dtype != other.dtype:
            return f"{name} is {one.dtype} {list(one.shape)}, not {other.dtype} {list(other.shape)}"
        apart = (one != other) & ~(one.isnan() & other.isnan())
        if apart.any():  # infinite or NaN on one side only: the largest difference
            far[name] = (one.double() - other.double()).abs()[apart].nan_to_num(math.inf).max().item()
    largest = max(far, key=far.__getitem__, default="")
    return f"weights differ by at most {far[largest]:.3g}, in {largest}" if far else ""
