"""Where one process of a condition trains: its device, and the processes that share each batch with it."""

from dataclasses import dataclass

import torch

from samo.optim.process_group import ALONE, Ranks
from samo.study import config
from samo.study.config.params import Train
from samo.study.errors import ConfigError


@dataclass(frozen=True)
class Place:
    """One process of a condition."""

    device: torch.device  # where it trains
    ranks: Ranks = ALONE  # the processes that train the condition together, on one machine
    sync_batchnorm: bool = True  # whether BatchNorm normalises by the batches of all of them

    @property
    def writes(self) -> bool:
        """Whether files, MLflow and progress are this process's to write: the first one's."""
        return self.ranks.number == 0


def device(train: Train, number: int = 0) -> torch.device:
    """The device of a condition's process `number`, counted from 0; of several each gets a GPU (`Train.processes`).

    Raises:
        ConfigError: this machine has no such device, or fewer GPUs than there are processes.
    """
    if train.processes == 1:
        return config.device(train.device)
    if train.device == "cpu" or (train.device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if (there := torch.cuda.device_count()) < train.processes:
        raise ConfigError(
            f"params.yaml: train.processes = {train.processes}: each takes a GPU of its own, and this machine has "
            f"{there}; take no more than that, or device: cpu"
        )
    return torch.device("cuda", number)
