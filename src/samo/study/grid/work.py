"""The seconds that each stage is expected to take: the longest start first, and the time left goes by them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from samo.study import store
from samo.study.config import Params, plan
from samo.study.config.conditions import Condition, conditions
from samo.study.grid.estimate import OVERHEAD, Unit, condition_seconds, step_ratio

UNITS = Path(".samo/units.json")
"""The steps that `samo profile` has measured on this machine."""
TOOK = Path(".samo/seconds.json")
"""How long stages that are no trainings took on this machine, the last time that they ran."""
USUAL = {"fetch": 5.0, "prepare": 10.0, "toys": 45.0, "analyse": 20.0, "tables": 30.0, "report": 40.0}
"""Seconds of such stages where they never ran, measured with the profile `laptop` on one core."""
PASS = 0.003
"""Seconds of a forward pass of a batch where no step was measured; the first training corrects it."""


def remember(root: Path, params: Params, units: Mapping[str, Unit]) -> None:
    """Keep measured steps for the next run of the same datasets."""
    known = {name: {"of": _settings(params, name), **asdict(unit)} for name, unit in units.items()}
    store.write_text(root / UNITS, json.dumps(known, indent=1) + "\n")


def recall(root: Path, params: Params) -> dict[str, Unit]:
    """The measured steps that still hold for a profile; none where the file is missing or broken."""
    try:
        known = _read(root / UNITS)
        return {
            name: Unit(**{key: value for key, value in known[name].items() if key != "of"})
            for name in params.datasets
            if known.get(name, {}).get("of") == _settings(params, name)
        }
    except (TypeError, AttributeError):
        return {}


def note(root: Path, took: Mapping[str, float]) -> None:
    """Keep how long stages took, for the next run's estimate; of trainings the measured steps know more."""
    if others := {name: round(seconds, 1) for name, seconds in took.items() if not name.startswith("train")}:
        store.write_text(root / TOOK, json.dumps(_read(root / TOOK) | others, indent=1) + "\n")


def others(root: Path, params: Params) -> float:
    """Seconds of all stages that are no trainings, on one worker: as long as the last time, or as usual."""
    names = [f"{kind}@{dataset}" for dataset in params.datasets for kind in ("fetch", "prepare")]
    names += [f"analyse@{dataset}-{analysis}" for dataset in params.datasets for analysis in params.analyses]
    weight = weights(root, params)
    return sum(weight(name) for name in (*names, "toys", "tables", "report"))


def weights(root: Path, params: Params) -> Callable[[str], float]:
    """Stage -> the seconds that it is expected to take.

    Those of a condition follow from measured steps where every dataset has one, else from the count of passes alone,
    as if a step of one dataset took as long as that of another, and K were 2.
    """
    units = recall(root, params)
    measured = set(units) == set(params.datasets)
    of = {
        condition.stage: OVERHEAD
        + (_seconds(params, condition, units[condition.dataset]) if measured else PASS * _passes(params, condition))
        for condition in conditions(params)
    }
    of |= {name: float(seconds) for name, seconds in _read(root / TOOK).items() if isinstance(seconds, int | float)}
    return lambda stage: of.get(stage, USUAL.get(stage.split("@")[0], OVERHEAD))


def _seconds(params: Params, condition: Condition, unit: Unit) -> float:
    return condition_seconds(params, condition.dataset, condition.method, unit)


def _passes(params: Params, condition: Condition) -> float:
    own = plan(params, condition.dataset, condition.method)
    method = params.methods_on(condition.dataset)[condition.method]
    return float(sum((*own.trials, *own.finals)) * 3 * step_ratio(method, 2))


def _settings(params: Params, dataset: str) -> str:
    block, train = params.datasets[dataset], params.train
    said = [block.data.model_dump(), block.training.model_dump(), train.threads, train.device, train.processes]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
