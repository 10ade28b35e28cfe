"""Where a condition trains on this machine."""

from typing import TYPE_CHECKING

from samo.study.errors import ConfigError

if TYPE_CHECKING:
    import torch


def device(name: str) -> "torch.device":
    """The device that `train.device` names; "auto" is the accelerator where there is one.

    Raises:
        ConfigError: this machine has no such device.
    """
    import torch

    if name != "auto":
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError, NotImplementedError):
            told = f'params.yaml: train.device = {name!r}: not on this machine; "auto" takes what there is'
            raise ConfigError(told) from None
        return torch.device(name)
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or torch.device("cpu")


def device_name(device: "torch.device") -> str:
    """A device as MLflow's runs name it: an accelerator by its maker's name."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
