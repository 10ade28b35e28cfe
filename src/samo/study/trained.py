"""Networks that a cell has trained, as an analysis wants them."""

from pathlib import Path
from typing import cast

from safetensors.torch import load_file
from torch import nn

from samo import datasets
from samo.choice import Choice
from samo.models.multitask import MultiTaskNetwork, SeparateNetworks
from samo.problem import Problem
from samo.study.cells import Cell
from samo.study.config import Params
from samo.study.errors import NotebookError
from samo.study.method import Method


def problem(root: Path, params: Params, dataset: str) -> Problem:
    """A dataset's problem from its prepared arrays, with the training settings of the profile."""
    return datasets.get(dataset).problem(root / "data/prepared" / dataset, params.dataset[dataset].training)


def network(root: Path, params: Params, cell: Cell, seed: int, of: Problem) -> nn.Module:
    """The network of a cell after its last epoch, in eval mode on the CPU.

    Raises:
        NotebookError: the cell has not been run with that seed, or its weights are of another network.
    """
    path = root / cell.models / f"{seed}.safetensors"
    if not path.exists():
        raise NotebookError(f"{path}: not there: `dvc repro {cell.stage}` trains it")
    made = of.network()
    if params.methods_on(cell.dataset)[cell.method].networks == "separate":
        made = SeparateNetworks(cast("MultiTaskNetwork", made))
    try:
        made.load_state_dict(load_file(path))
    except (RuntimeError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise NotebookError(f"{path}: weights of another network ({reason}): `dvc repro -f {cell.stage}`") from error
    return made.eval()


def chosen(params: Params, dataset: str, choice: Choice) -> dict[str, Method]:
    """The dataset's main methods with a shared trunk that an analysis looks at, in their order."""
    return {
        name: method
        for name, method in params.main_on(dataset).items()
        if method.networks == "shared" and choice.takes(method.aggregator_name, method.preset_name)
    }
