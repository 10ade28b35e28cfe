"""`samo verify`: conditions made again by DVC in a temporary clone, and compared with what is stored."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from samo.study import config, git, paths, store
from samo.study.config import Params
from samo.study.config.conditions import Condition, conditions
from samo.study.errors import PipelineError
from samo.study.grid.clone import make_clone
from samo.study.grid.plan import plan
from samo.study.runs import place, results

OUTER = ("DVC_ROOT", "DVC_STAGE", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
"""Variables of a stage or git hook that this may run in."""


def named(root: Path, params: Params, dataset: str, method: str) -> Condition:
    """A condition that has run.

    Raises:
        ValueError: the profile has no such condition.
        FileNotFoundError: it has not run.
    """
    if dataset not in params.datasets:
        raise ValueError(f"no dataset {dataset!r} in params.yaml: it has {', '.join(params.datasets)}")
    if method not in (known := params.methods_on(dataset)):
        raise ValueError(f"no method {method!r} on {dataset}: there are {', '.join(known)}")
    found = next(one for one in conditions(params) if (one.dataset, one.method) == (dataset, method))
    if not _has_run(root, found):
        raise FileNotFoundError(f"{found.name} has not run, so there is nothing to verify: `dvc repro {found.stage}`")
    return found


def drawn(root: Path, params: Params, count: int, seed: int | None = None) -> list[Condition]:
    """So many of the conditions that have run, or all of them where they are fewer; seed and those left out are said.

    Raises:
        FileNotFoundError: none has run.
    """
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    _say(f"drawn with --seed {seed}")
    ran = [one for one in conditions(params) if _has_run(root, one)]
    if missing := [one.name for one in conditions(params) if one not in ran]:
        _say(f"not run, so not drawn from: {', '.join(missing)}")
    if not ran:
        raise FileNotFoundError("no condition has run, so there is nothing to verify: `make repro` runs them")
    return [ran[k] for k in sorted(np.random.default_rng(seed).permutation(len(ran))[:count].tolist())]


def verify(root: Path, params: Params, wanted: Sequence[Condition]) -> bool:
    """Make conditions again and say which files differ from what is stored, and by how much.

    Each is `dvc repro -f -s STAGE` in a clone with a cache of its own, without tracking: nothing of the project is
    written. Settings, data and code are those of the folder now; where DVC sees that they changed since the condition
    ran, that is said.

    Returns:
        Whether everything is the same.

    Raises:
        FileNotFoundError: its data are not prepared.
    """
    here = f"{config.device_name(place.device(params.train))}, torch {torch.__version__.split('+')[0]}"
    same = True
    for condition in wanted:
        prepared = store.needed(root, Path("data/prepared") / condition.dataset)
        _say(f"{condition.name}: {origin(root, condition)}; here: {here}")
        if changed := _changed(root, condition):
            _say(f"{condition.name}: {changed}")
        with tempfile.TemporaryDirectory(prefix="samo-verify-") as folder:
            again = Path(folder) / "clone"
            failure = _make(root, condition, prepared, again)
            found = [f"nothing was made: {failure}"] if failure else differences(root, again, condition)
        for line in found:
            _say(f"{condition.name}: DIFFERS {line}")
        if not found:
            _say(f"{condition.name}: the same, {len(files(root, condition))} files")
        same = same and not found
    return same


def _make(root: Path, condition: Condition, prepared: Path, clone: Path) -> str:
    """Run the condition's stage in a clone that is made for it; gives why it failed, or nothing."""
    make_clone(root, clone, clone.parent / "cache")
    shutil.copytree(prepared, clone / "data/prepared" / condition.dataset)
    environment = {name: value for name, value in os.environ.items() if name not in OUTER}
    environment |= {
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

    Another device, processor or version of torch may change last digits, and with them what is chosen by them.
    """
    tags = _tags(root, condition)
    if tags.get("device", "unknown") == "unknown":
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
    """Those of an MLflow run with the very results that are stored; none where there is no such run, or no MLflow."""
    from samo.study.tracking import mlflow_store, record

    address = mlflow_store.uri(root)
    if address.startswith("sqlite:///") and not Path(address.removeprefix("sqlite:///")).exists():
        return {}  # asking would make one
    try:
        metrics = results.view(store.read_json(root / condition.runs / "metrics.json"), {})
        known = record.digest(metrics, next(iter(metrics["seeds"])))
        client = mlflow_store.connect(root)
        experiment = client.get_experiment_by_name(condition.dataset)
        query = f"tags.results = '{known}'"
        runs = client.search_runs([experiment.experiment_id], query, max_results=100) if experiment else []
    except Exception:  # whatever is wrong with the view
        return {}
    found = [dict(run.data.tags) for run in runs if run.data.tags.get("method") == condition.method]
    # `samo track` makes runs of its own, which know no device.
    return next((tags for tags in found if tags.get("device", "unknown") != "unknown"), {})


def _changed(root: Path, condition: Condition) -> str:
    try:
        stale = condition.stage in plan(root, [condition.stage]).stale
    except PipelineError as error:
        return f"whether it is up to date cannot be told ({error})"
    return "params.yaml, data or code changed since it ran, so it may well differ" if stale else ""


def _has_run(root: Path, condition: Condition) -> bool:
    return (root / condition.runs / "metrics.json").exists()


def _say(line: str) -> None:
    print(line, flush=True)


def files(root: Path, condition: Condition) -> list[Path]:
    """The files of a condition that are there, relative to `root`: results, then weights."""
    folders = (condition.runs, condition.models)
    search = [condition.search] if (root / condition.search).is_file() else []
    return search + [path.relative_to(root) for folder in folders for path in sorted((root / folder).glob("*"))]


def differences(stored: Path, again: Path, condition: Condition) -> list[str]:
    """One line a file that is not the same: results by their bytes, weights by their tensors.

    Args:
        stored: the project's folder.
        again: the folder that the condition was made in once more.
        condition: which one.
    """
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


def _values(path: Path) -> dict[str, Any]:
    """Where -> value, of all that a file holds."""
    if path.suffix == ".json":
        return dict(_leaves(json.loads(path.read_text())))
    rows = pd.read_csv(path).to_dict("records")
    return {f"line {line} {key}": value for line, row in enumerate(rows, start=2) for key, value in row.items()}


def _leaves(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{where}.{key}".lstrip("."))
    else:
        yield where, value


def _of_values(stored: Mapping[str, Any], again: Mapping[str, Any]) -> str:
    """Values on one side only, values that differ and are no numbers, and by how much numbers differ at most."""
    said = [
        f"{len(alone)} values in {where} only, the first at {alone[0]}"
        for one, other, where in ((stored, again, "the stored file"), (again, stored, "the one made again"))
        if (alone := [key for key in one if key not in other])
    ]
    apart = {key: (stored[key], again[key]) for key in stored if key in again and stored[key] != again[key]}
    numbers = {key: pair for key, pair in apart.items() if all(isinstance(x, int | float) for x in pair)}
    sizes = {key: abs(one - other) for key, (one, other) in numbers.items() if math.isfinite(one - other)}
    if sizes:
        far = max(sizes, key=sizes.__getitem__)
        said.append(
            f"{len(sizes)} of {len(stored)} values differ, by at most {sizes[far]:.3g} "
            f"({far}: {stored[far]:g} stored, {again[far]:g} made again)"
        )
    if others := [key for key in apart if key not in sizes and not _both_missing(*apart[key])]:
        said.append(f"{others[0]} is {stored[others[0]]!r} stored, {again[others[0]]!r} made again")
    return "; ".join(said)


def _both_missing(one: Any, other: Any) -> bool:
    return bool(one != one and other != other)  # NaN, as an empty field of a table is read


def _of_weights(stored: Mapping[str, torch.Tensor], again: Mapping[str, torch.Tensor]) -> str:
    """By how much tensors differ at most; nothing where all are equal."""
    if alone := sorted(stored.keys() ^ again.keys()):
        return f"tensors of another network, as {alone[0]}"
    far = {}
    for name, one in stored.items():
        other = again[name]
        if one.shape != other.shape or one.dtype != other.dtype:
            return f"{name} is {one.dtype} {list(one.shape)}, not {other.dtype} {list(other.shape)}"
        apart = (one != other) & ~(one.isnan() & other.isnan())
        if apart.any():  # what is infinite or NaN on one side only is as far as can be
            far[name] = (one.double() - other.double()).abs()[apart].nan_to_num(math.inf).max().item()
    largest = max(far, key=far.__getitem__, default="")
    return f"weights differ by at most {far[largest]:.3g}, in {largest}" if far else ""
