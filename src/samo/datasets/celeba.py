"""CelebA: 40 yes-or-no attributes of a face, a task each (Liu et al. 2015).

Two protocols, chosen by the network:

- "cnn9" (FAMO, FairGrad, SAMO): inputs in [0, 1], binary cross-entropy, F1 per attribute. Their F1 is over a whole
  split, as is ours. Where a split has no face with an attribute and none is found, F1 is 0.
- "resnet18" (F-MTL, after Sener and Koltun 2018): inputs less a mean per channel, two classes with the negative
  log-likelihood, error per attribute. Their loader stretches each picture's contrast to its own extremes after that
  subtraction, a side effect of an image library that has dropped the function; here it is left out.

Pictures are resized to a square, which changes their proportions, as in the papers. Neither protocol augments.
"""

from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from samo.datasets.parts import pictures
from samo.datasets.parts.arrays import ArraySplit
from samo.datasets.parts.prepared import sheet as read_sheet
from samo.datasets.parts.sources import FAULTS, Given, lines, refuse
from samo.datasets.parts.tasks import SPLITS, Task
from samo.datasets.parts.tasks import problem as assemble
from samo.models import celeba as cnn9
from samo.models import resnet18
from samo.training import settings
from samo.training.problem import Problem

IMAGES = "img_align_celeba"
ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
FORMATS, MODES = ("JPEG",), ("RGB",)


def read_lists(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Both lists: a row per file in the partition's order, 1 for each attribute that it has; and its split, 0 to 2.

    Raises:
        ValueError: a line is not as published, or the lists name different files; up to `FAULTS` lines are named.
    """
    path, partition = folder / ATTRIBUTES, folder / PARTITION
    count, names, *rows = [*lines(path), "", ""]
    attributes = _table(path, rows[:-2], 3, names.split(), ("-1", "1"))
    if count.strip() != str(len(attributes)):
        raise ValueError(f"{path}: its first line says {count.strip()[:20]!r}, but {len(attributes)} files follow")
    parts = _table(partition, lines(partition), 1, ["split"], ("0", "1", "2"))["split"]
    faults = [f"{partition}: nothing about {name}" for name in attributes.index.difference(parts.index)]
    refuse(faults + [f"{path}: nothing about {name}" for name in parts.index.difference(attributes.index)])
    return (attributes.loc[parts.index] > 0).astype(np.uint8), parts


def check(folder: Path) -> list[str]:
    """What is wrong with a folder that a person filled, at most `FAULTS` lines: lists, names, then every picture."""
    if absent := [_absent(folder, name) for name in (ATTRIBUTES, PARTITION, IMAGES) if not (folder / name).exists()]:
        return absent
    try:
        names = list(read_lists(folder)[1].index)
    except ValueError as error:
        return str(error).splitlines()
    found = {path.name for path in (folder / IMAGES).glob("*.jpg")}
    missing, unknown = [n for n in names if n not in found], sorted(found.difference(names))
    if missing or unknown:
        faults = [f"{folder / IMAGES}: {len(found)} pictures, but the lists name {len(names)}"]
        faults += [_absent(folder, f"{IMAGES}/{name}") for name in missing[:1]]
        faults += [f"{folder / IMAGES / name}: missing" for name in missing[1:FAULTS]]
        return [*faults, *(f"{folder / IMAGES / name}: in neither list" for name in unknown)][:FAULTS]
    return list(islice(pictures.faults((folder / IMAGES / name for name in names), FORMATS, MODES), FAULTS))


def _absent(folder: Path, name: str) -> str:
    elsewhere = next(folder.rglob(Path(name).name), None)
    return f"{folder / name}: missing" + (f"; move it here from {elsewhere}" if elsewhere else "")


def _table(path: Path, rows: list[str], first: int, columns: list[str], allowed: tuple[str, ...]) -> pd.DataFrame:
    """Rows, the first of them in line `first`: a file's name and an allowed number for each column."""
    found: dict[str, list[int]] = {}
    faults = []
    for n, row in enumerate(rows, first):
        name, *values = row.split() or [""]
        if len(values) != len(columns) or not set(allowed).issuperset(values):
            faults.append(f"{path}, line {n}: not a name and {len(columns)} times {' or '.join(allowed)}")
        elif Path(name).name != name or not name.endswith(".jpg"):  # it is joined to a folder's path
            faults.append(f"{path}, line {n}: {name} is no name of a .jpg")
        elif name in found:
            faults.append(f"{path}, line {n}: {name} for the second time")
        else:
            found[name] = [int(value) for value in values]
    refuse(faults)
    return pd.DataFrame.from_dict(found, orient="index", columns=columns)


RAW = Given(
    what="CelebA (aligned and cropped pictures, attributes, partition)",
    where="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    layout=f"{IMAGES}/*.jpg, {ATTRIBUTES}, {PARTITION}",
    check=check,
)
MEAN = (72.39239876, 82.90891754, 73.15835921)
"""Of red, green and blue, in F-MTL's code; of 255."""


class Data(settings.Settings):
    """Which faces, and how large.

    Attributes:
        train, val, test: the first so many faces of a split, in the partition's order; None takes them all.
        side: of the square that they are resized to, in pixels; 64 in the papers.
    """

    train: settings.Count | None = None
    val: settings.Count | None = None
    test: settings.Count | None = None
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
    """Write `<split>_images.npy` [N, side, side, 3] and `<split>_labels.npy` [N, 40], uint8; return the datasheet."""
    labels, parts = read_lists(raw)
    sheet: dict[str, Any] = {
        "what": f"aligned faces, resized to {data.side} x {data.side}",
        "subset_of": "202,599 faces as published",
        "attributes": list(labels.columns),
        "side": data.side,
        "splits": {},
    }
    for number, split in enumerate(SPLITS):
        wanted, there = getattr(data, split), labels[parts == number]
        if len(there) < (wanted or 1):
            raise ValueError(f"{split}: {wanted or 1} faces are asked for, the partition has {len(there)}")
        chosen = there[:wanted]
        paths = [raw / IMAGES / name for name in chosen.index]
        pictures.write(out / f"{split}_images.npy", paths, data.side, FORMATS, MODES)
        np.save(out / f"{split}_labels.npy", np.ascontiguousarray(chosen))
        sheet["splits"][split] = {
            "images": len(chosen),
            "left_out": {"beyond the number asked for": len(there) - len(chosen)},
            "positive": chosen.sum().to_dict(),
        }
    return sheet


def _answers(output: Tensor, target: Tensor) -> Tensor:
    """True positives, wrong answers, faces. One column is the logit of yes, two are those of no and yes."""
    yes, true = output[:, -1] > (output[:, 0] if output.shape[1] == 2 else 0), target.bool()
    return torch.stack([(yes & true).sum(), (yes ^ true).sum(), torch.ones_like(true).sum()])


def _binary(output: Tensor, target: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(output[:, 0], target.float())


def _f1(sums: Tensor) -> dict[str, float]:
    hits, wrong, _ = sums.tolist()
    return {"f1": 200 * hits / max(1, 2 * hits + wrong)}


def _error(sums: Tensor) -> dict[str, float]:
    return {"error": 100 * float(sums[1]) / float(sums[2])}


F1 = Task("an attribute", (("f1", True, "%"),), _binary, _answers, _f1, lambda values: values["f1"])
ERROR = Task("an attribute", (("error", False, "%"),), cross_entropy, _answers, _error, lambda v: -v["error"])


def problem(prepared: Path, training: Training) -> Problem:
    """CelebA from its prepared arrays, with the protocol of the network.

    Its `score` is the mean F1 over the tasks, or minus the mean error.

    Raises:
        ValueError: an attribute is asked for that there is not, or one twice.
    """
    named = read_sheet(prepared, "attributes")["attributes"]
    tasks = training.attributes or named
    if not set(tasks) <= set(named) or len(set(tasks)) < len(tasks):
        raise ValueError(f"celeba: attributes are {', '.join(tasks)}; allowed, each once: {', '.join(named)}")
    columns = [named.index(task) for task in tasks]
    if training.network == "cnn9":
        kind, build, mean = F1, cnn9.build, (0.0, 0.0, 0.0)
    else:
        kind, build, mean = ERROR, resnet18.build_faces, MEAN

    def network() -> nn.Module:
        return build(len(tasks)).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    transform = partial(pictures.standardised, mean=torch.tensor(mean), std=torch.full((3,), 255.0))
    return assemble(
        [replace(kind, name=name) for name in tasks],
        network,
        {split: ArraySplit(prepared, split, transform) for split in SPLITS},
        target=lambda k, batch: batch[1][:, columns[k]],
        probe=training.batch,  # K = 40 gradients of 500 pictures would hold gigabytes
    )
