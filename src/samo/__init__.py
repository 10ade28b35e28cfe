"""Sharpness-aware multi-task optimisation: SAMO, F-MTL and their relatives as one update.

update = samo.MultiTaskUpdate(trunk, heads, aggregator="fairgrad", sharpness=samo.preset("samo", rho=0.05))
losses = update.backward(lambda tasks: [loss of each of these tasks])
optimizer.step()
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samo import aggregation as aggregation
    from samo.optim.jacobian import task_gradients as task_gradients
    from samo.optim.process_group import share_of as share_of
    from samo.optim.sharpness import PRESETS as PRESETS
    from samo.optim.sharpness import Sharpness as Sharpness
    from samo.optim.sharpness import preset as preset
    from samo.optim.update import MultiTaskUpdate as MultiTaskUpdate

_HOMES = {
    "PRESETS": "samo.optim.sharpness",
    "MultiTaskUpdate": "samo.optim.update",
    "Sharpness": "samo.optim.sharpness",
    "preset": "samo.optim.sharpness",
    "share_of": "samo.optim.process_group",
    "task_gradients": "samo.optim.jacobian",
}
__all__ = [
    "PRESETS",
    "MultiTaskUpdate",
    "Sharpness",
    "aggregation",
    "preset",
    "share_of",
    "task_gradients",
]


def __getattr__(name: str) -> Any:
    # On demand: torch takes seconds to import, and most of the study's commands do without it.
    if name == "aggregation":
        return importlib.import_module("samo.aggregation")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'samo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
