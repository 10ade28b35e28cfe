"""What aggregators remember between steps: started afresh, saved and loaded.

TorchJD keeps some of it in plain attributes that `state_dict` does not see; they are named here, once.
"""

import copy
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam
from torchjd import Stateful
from torchjd.aggregation import GradVacWeighting, NashMTL
from torchjd.scalarization import DWA, FAMO, IMTLL, UW

_Module = TypeVar("_Module", bound=nn.Module)

_ATTRIBUTES: dict[type, tuple[str, ...]] = {
    GradVacWeighting: ("_phi_t", "_state_key"),
    DWA: ("_loss_sum", "_n_batches", "_previous_averages"),
    FAMO: ("_prev_losses",),
}


def fresh(aggregator: _Module, rows: int) -> _Module:
    """A copy without memory, for a Jacobian of so many rows."""
    twin = copy.deepcopy(aggregator)
    if isinstance(twin, NashMTL):
        twin.n_tasks = rows
    if isinstance(twin, Stateful):
        twin.reset()
    return twin


def state(aggregator: nn.Module) -> dict[str, Any]:
    """Everything that the next step's result depends on."""
    kept: dict[str, Any] = {"parameters": {n: p.detach().clone() for n, p in aggregator.named_parameters()}}
    for name, module in aggregator.named_modules():
        for attributes in (own for kind, own in _ATTRIBUTES.items() if isinstance(module, kind)):
            kept[name] = copy.deepcopy({a: getattr(module, a) for a in attributes})
    if isinstance(aggregator, FAMO) and aggregator._optimizer is not None:
        kept["optimizer"] = copy.deepcopy(aggregator._optimizer.state_dict())
    if isinstance(aggregator, NashMTL):
        kept["nash"] = (aggregator.weighting.step, aggregator.weighting.prvs_alpha.tolist())
    return kept


def load_state(aggregator: nn.Module, kept: Mapping[str, Any], device: torch.device) -> None:
    """Put back what `state` gave, wherever it lies now.

    Raises:
        ValueError: it comes from another aggregator, or from one for another number of tasks.
    """
    own = dict(aggregator.named_parameters())
    if {n: p.shape for n, p in own.items()} != {n: p.shape for n, p in kept["parameters"].items()}:
        raise ValueError(f"the state is not that of {aggregator}, or of another number of tasks")
    for name, parameter in own.items():
        parameter.data.copy_(kept["parameters"][name])
    for name, module in aggregator.named_modules():
        where = torch.device("cpu") if isinstance(module, GradVacWeighting) else device
        if isinstance(module, tuple(_ATTRIBUTES)):
            for attribute, value in kept[name].items():
                setattr(module, attribute, _copied(value, where))
    if isinstance(aggregator, FAMO):
        aggregator._optimizer = None  # a state from before the first step has none
        if "optimizer" in kept:
            aggregator._optimizer = Adam([aggregator._w], lr=aggregator.lr, weight_decay=aggregator.weight_decay)
            aggregator._optimizer.load_state_dict(copy.deepcopy(kept["optimizer"]))  # which it would write into
    if isinstance(aggregator, NashMTL):
        step, weights = kept["nash"]
        if len(weights) != aggregator.n_tasks:
            raise ValueError(f"the state of nash-mtl is for {len(weights)} tasks, not {aggregator.n_tasks}")
        aggregator.weighting.reset()
        if step:
            aggregator.weighting._init_optim_problem()  # it is built at step 0 only
        aggregator.weighting.step, aggregator.weighting.prvs_alpha = step, np.array(weights)


def _copied(value: Any, device: torch.device) -> Any:
    if isinstance(value, list):
        return [_copied(part, device) for part in value]
    return value.to(device, copy=True) if isinstance(value, Tensor) else value


def _sizes(aggregator: nn.Module) -> dict[str, int]:
    """The number of tasks that the aggregator is for, by what it holds of each."""
    sizes = {n: len(p) for n, p in aggregator.named_parameters() if p.ndim == 1}
    if isinstance(aggregator, NashMTL):
        sizes["n_tasks"] = aggregator.n_tasks
    held = {name: getattr(aggregator, name, None) for name in ("weights", "reference", "leak", "pref_vector")}
    return sizes | {name: len(value) for name, value in held.items() if isinstance(value, Tensor)}


def check_tasks(aggregator: nn.Module, tasks: int) -> None:
    """Raise a ValueError where the aggregator was made for another number of tasks, or is nash-mtl with one task."""
    if isinstance(aggregator, NashMTL) and tasks == 1:
        raise ValueError("nash-mtl needs two tasks or more")
    for name, length in _sizes(aggregator).items():
        if length != tasks:
            raise ValueError(f"{aggregator} is made for {length} tasks ({name}), and there are {tasks} heads")


def check_subset(aggregator: nn.Module) -> None:
    """Raise a ValueError where a task cannot be left out of a step, since its state is tied to the others'."""
    tied = isinstance(aggregator, DWA) or any(isinstance(m, GradVacWeighting) for m in aggregator.modules())
    if tied or (_sizes(aggregator) and not isinstance(aggregator, UW | IMTLL)):
        raise ValueError(f"{aggregator} remembers every task: none can be left out of a step")
