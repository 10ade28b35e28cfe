"""CelebA: 40 yes-or-no attributes of a face, a task each (Liu et al. 2015).

Two protocols, chosen by the network:

- "cnn9" (FAMO, FairGrad, SAMO): inputs in [0, 1], binary cross-entropy, F1 an attribute. Their F1 is over a whole
  split, as is ours. Where a split has no face with an attribute and none is found, F1 is 0.
- "resnet18" (F-MTL, after Sener and Koltun 2018): inputs less a mean a channel, two classes with the negative
  log-likelihood, error an attribute. Their loader stretches each picture's contrast to its own extremes after that
  subtraction, a side effect of an image library that has dropped the function; here it is left away.

Pictures are resized to a square, which changes their proportions, as in the papers. Neither protocol augments.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from samo.datasets.parts import celeba_lists, pictures
from samo.datasets.parts.arrays import ArraySplit
from samo.datasets.parts.celeba_lists import SPLITS, Lists
from samo.datasets.parts.prepared import sheet as read_sheet
from samo.datasets.parts.sources import Given
from samo.models import celeba as cnn9
from samo.models import resnet18
from samo.training import settings
from samo.training.problem import Metric, Problem, Values

RAW = Given(
    what="CelebA (aligned and cropped pictures, attributes, partition)",
    where="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    layout=f"{celeba_lists.IMAGES}/*.jpg, {celeba_lists.ATTRIBUTES}, {celeba_lists.PARTITION}",
    check=celeba_lists.check,
)
MEAN = (72.39239876, 82.90891754, 73.15835921)
"""Of red, green and blue, in F-MTL's code; of 255."""
Count = Annotated[int, Field(ge=1)] | None


class Data(settings.Settings):
    """Which faces, and how large.

    Attributes:
        train, val, test: the first so many faces of a split, in the partition's order; None takes them all.
        side: of the square that they are resized to, in pixels; 64 in the papers.
    """

    train: Count = None
    val: Count = None
    test: Count = None
    side: Annotated[int, Field(ge=16, le=178)] = 64


class Training(settings.Training):
    """The training of `samo.training.settings.Training`, the network (and with it the protocol), and the tasks.

    Attributes:
        network: see the module's docstring.
        attributes: the tasks, by the publisher's names; None takes all 40.
    """

    network: Literal["cnn9", "resnet18"] = "cnn9"
    attributes: Annotated[list[str], Field(min_length=1)] | None = None


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Write `<split>_images.npy` [N, side, side, 3] and `<split>_labels.npy` [N, 40], both uint8.

    Returns:
        The datasheet.

    Raises:
        ValueError: a split has fewer faces than asked for, or none; a list or picture is not what it should be.
    """
    lists = celeba_lists.read_lists(raw)
    sheet: dict[str, Any] = {
        "what": f"aligned faces, resized to {data.side} x {data.side}",
        "subset_of": "202,599 faces as published",
        "attributes": list(lists.attributes),
        "side": data.side,
        "splits": {},
    }
    for split, wanted in zip(SPLITS, (data.train, data.val, data.test), strict=True):
        chosen, there = _chosen(lists, split, wanted)
        paths = [raw / celeba_lists.IMAGES / lists.names[n] for n in chosen]
        pictures.write(out / f"{split}_images.npy", paths, data.side, celeba_lists.FORMATS, celeba_lists.MODES)
        labels = lists.labels[chosen]
        np.save(out / f"{split}_labels.npy", labels)
        sheet["splits"][split] = {
            "images": len(chosen),
            "left_out": {"beyond the number asked for": there - len(chosen)},
            "positive": dict(zip(lists.attributes, labels.sum(0, dtype=int).tolist(), strict=True)),
        }
    return sheet


def _chosen(lists: Lists, split: str, wanted: int | None) -> tuple[list[int], int]:
    there = np.flatnonzero(lists.split == SPLITS.index(split))
    if len(there) < (wanted or 1):
        raise ValueError(f"{split}: {wanted or 1} faces are asked for, the partition has {len(there)}")
    return there[:wanted].tolist(), len(there)


class _Counts:
    """Right and wrong answers an attribute, over all faces.

    Args:
        tasks: their names.
        columns: of the labels, one a task.
        says_yes: outputs -> whether the face has the attribute, [N].
        summary: (true positives, false positives, false negatives, faces) -> the metrics of a task.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        columns: Sequence[int],
        says_yes: Callable[[Tensor], Tensor],
        summary: Callable[[int, int, int, int], dict[str, float]],
    ) -> None:
        self.tasks, self.columns, self.says_yes, self.summary = tasks, columns, says_yes, summary
        self.counts = torch.zeros(len(tasks), 4, dtype=torch.int64)

    def update(self, outputs: Mapping[int, Tensor], batch: tuple[Tensor, Tensor]) -> None:
        asked = list(outputs)
        yes = torch.stack([self.says_yes(output) for output in outputs.values()], dim=1)
        true = batch[1][:, [self.columns[k] for k in asked]].bool()
        counts = torch.stack([yes & true, yes & ~true, ~yes & true, torch.ones_like(yes)]).sum(1).T
        self.counts[asked] += counts.cpu()

    def compute(self) -> Values:
        return {task: self.summary(*row) for task, row in zip(self.tasks, self.counts.tolist(), strict=True)}


def f1(hits: int, false_alarms: int, misses: int, faces: int) -> dict[str, float]:
    """F1 in per cent, 0 where there is nothing to find and nothing found; `faces` plays no part."""
    return {"f1": 200 * hits / max(1, 2 * hits + false_alarms + misses)}


def error(hits: int, false_alarms: int, misses: int, faces: int) -> dict[str, float]:
    """The share of wrong answers in per cent; `hits` play no part."""
    return {"error": 100 * (false_alarms + misses) / max(1, faces)}


def problem(prepared: Path, training: Training) -> Problem:
    """CelebA from its prepared arrays, with the protocol of the network.

    Its `score` is the mean F1 over the tasks, or minus the mean error.

    Raises:
        ValueError: an attribute is asked for that there is not, or one twice.
    """
    named = read_sheet(prepared, "attributes")["attributes"]
    tasks = tuple(training.attributes or named)
    if unknown := [task for task in tasks if task not in named]:
        raise ValueError(f"celeba: no attribute {', '.join(unknown)}; there are {', '.join(named)}")
    if len(set(tasks)) < len(tasks):
        raise ValueError(f"celeba: an attribute is asked for twice: {', '.join(tasks)}")
    columns = [named.index(task) for task in tasks]
    one_logit = training.network == "cnn9"
    metric = "f1" if one_logit else "error"

    def transform(images: Tensor) -> Tensor:
        # [N, H, W, 3] seen as [N, 3, H, W]: the layout in which convolutions are fastest on a CPU.
        inputs = images.permute(0, 3, 1, 2).float()
        if not one_logit:
            inputs -= torch.tensor(MEAN, device=images.device).view(3, 1, 1)
        return inputs.div_(255)

    def network() -> nn.Module:
        built = (cnn9.build if one_logit else resnet18.build_faces)(len(tasks))
        built.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return built

    def forward(network: nn.Module, batch: tuple[Tensor, Tensor], tasks: Sequence[int]) -> Sequence[Tensor]:
        outputs: Sequence[Tensor] = network(batch[0], tasks)
        return outputs

    def loss(task: int, output: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
        label = batch[1][:, columns[task]]
        if one_logit:
            return binary_cross_entropy_with_logits(output[:, 0], label.float())
        return cross_entropy(output, label)

    def meter() -> _Counts:
        if one_logit:
            return _Counts(tasks, columns, lambda output: output[:, 0] > 0, f1)
        return _Counts(tasks, columns, lambda output: output[:, 1] > output[:, 0], error)

    def score(values: Values) -> float:
        mean = sum(values[task][metric] for task in tasks) / len(tasks)
        return mean if one_logit else -mean

    return Problem(
        tasks=tasks,
        metrics=tuple(Metric(task, metric, higher_is_better=one_logit, unit="%") for task in tasks),
        network=network,
        forward=forward,
        loss=loss,
        meter=meter,
        splits={split: ArraySplit(prepared, split, transform) for split in SPLITS},
        score=score,
        probe=training.batch,  # K = 40 gradients of 500 pictures would hold gigabytes
    )
