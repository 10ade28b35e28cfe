"""One direction from K tasks: TorchJD's aggregators and scalarisers by name, and what the update needs of them."""

from samo.aggregation.combine import combine, loss_weights
from samo.aggregation.names import NAMES, SCALARISERS, builder, make, options
from samo.aggregation.state import check_subset, check_tasks, fresh, load_state, state

__all__ = [
    "NAMES",
    "SCALARISERS",
    "builder",
    "check_subset",
    "check_tasks",
    "combine",
    "fresh",
    "load_state",
    "loss_weights",
    "make",
    "options",
    "state",
]
