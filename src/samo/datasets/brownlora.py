"""The Brown corpus on a pretrained trunk: trained on the next word, then frozen and adapted to the other two tasks.

`prepare` trains the trunk, so that its weights lie beside the arrays and every method starts from the same ones.
Training adds low-rank adapters (LoRA, Hu et al. 2022): they alone are trained, and so every perturbation is theirs.
All else is as in `samo.datasets.parts.brown`.
"""

from itertools import chain, islice, repeat
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from safetensors.torch import save_file

from samo.datasets.parts import brown
from samo.datasets.parts.brown import RAW, problem
from samo.training import settings
from samo.training.evaluation import evaluate

__all__ = ["RAW", "Data", "Training", "prepare", "problem"]

TRUNK = "trunk.safetensors"
OTHERS: list[brown.Name] = ["part of speech", "genre"]


class Data(brown.Data):
    """Which paragraphs, and the trunk's own training with Adam.

    Attributes:
        width, layers, attention_heads: of the trunk, as in `training`.
        updates, batch, lr: of its training.
    """

    width: settings.Count = 64
    layers: settings.Count = 2
    attention_heads: settings.Count = 4
    updates: settings.Count = 1000
    batch: settings.Count = 32
    lr: Annotated[float, Field(gt=0)] = 0.003


class Training(brown.Training):
    """As `samo.datasets.parts.brown.Training`, by default on the two other tasks with adapters of rank 4."""

    tasks: Annotated[list[brown.Name], Field(min_length=1)] | None = Field(default_factory=OTHERS.copy)
    lora: brown.Lora | None = brown.Lora(rank=4, weights=TRUNK)


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Write the arrays of `samo.datasets.parts.brown.prepare` and the trunk's weights; return the datasheet.

    Raises:
        ValueError: as there; or there are fewer paragraphs to train on than a batch holds.
    """
    sheet = brown.prepare(raw, out, data)
    shape: dict[str, Any] = {"width": data.width, "layers": data.layers, "attention_heads": data.attention_heads}
    training = brown.Training(batch=data.batch, tasks=["next word"], **shape)
    made, device = problem(out, training, sheet), torch.device("cpu")
    if len(made.splits["train"]) < data.batch:
        raise ValueError(f"{raw}: {len(made.splits['train'])} paragraphs to train on, a batch holds {data.batch}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(data.seed)
        network = made.network()
    optimizer, order = torch.optim.Adam(network.parameters(), lr=data.lr), torch.Generator().manual_seed(data.seed)
    epochs = (made.splits["train"].batches(data.batch, device, order) for _ in repeat(None))
    for batch in islice(chain.from_iterable(epochs), data.updates):
        optimizer.zero_grad()
        made.losses(network, batch, [0])[0].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    trunk = network.get_submodule("trunk")
    save_file(trunk.state_dict(), out / TRUNK)
    values = {name: round(value, 4) for name, value in evaluate(made, network, "val", device)["next word"].items()}
    return {**sheet, "trunk": {**shape, "updates": data.updates, "batch": data.batch, "lr": data.lr, "val": values}}
