"""Where a condition trains on this machine."""

import torch

from samo.study.errors import ConfigError


def device(name: str) -> torch.device:
    """The device that `train.device` names, "auto" the accelerator if there is one; a ConfigError if it is not here."""
    if name == "auto":
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return found or torch.device("cpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError):
        told = f'params.yaml: train.device = {name!r}: not on this machine; "auto" takes what there is'
        raise ConfigError(told) from None
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """A device as MLflow's runs name it: an accelerator by its maker's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
