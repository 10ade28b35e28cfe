"""Office-Home: which of 65 things a picture shows, a task for each of its four domains (Venkateswara et al. 2017).

Multi-input: every domain has pictures of its own, so a step takes a batch of each. After LibMTL, whose lists and
settings SAMO takes over: ResNet-18, ImageNet's normalisation, no augmentation, cross-entropy, accuracy. The domains
go through the trunk one after the other, as there, so BatchNorm normalises each by itself. LibMTL drops a shorter
domain's last examples before it restarts; here they are taken, and the batch is filled from the next order. SAMO's
evaluation counts the shorter domains' examples more than once, until the longest has ended; here each counts once.

The folders decide domains and classes: PACS in the same layout is another such problem.
"""

import hashlib
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import nn

from samo.datasets.parts import domain_folders, pictures
from samo.datasets.parts.arrays import ArraySplit, DomainSplit, present
from samo.datasets.parts.prepared import sheet as read_sheet
from samo.datasets.parts.sources import Given
from samo.datasets.parts.tasks import SPLITS, classification
from samo.datasets.parts.tasks import problem as assemble
from samo.models import resnet18
from samo.training import settings
from samo.training.problem import Problem

RAW = Given(
    what="Office-Home (pictures of 65 things in 4 domains)",
    where="https://www.hemanthdv.org/officeHomeDataset.html",
    layout=f"<Domain>/<class>/*.jpg, and LibMTL's lists, if wanted, as {domain_folders.LISTS}/<Domain>_<split>.txt",
    check=domain_folders.check,
)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue."""
WEIGHTS = "weights.safetensors"


class Data(settings.Settings):
    """Which pictures, how large, and what the trunk starts from.

    Attributes:
        train, val, test: at most so many pictures of each domain, drawn at random; None takes them all.
        side: of the square that they are resized to, in pixels; 224 in the papers.
        seed: of the draw, and of the split where no lists are given.
        weights: a file with torchvision's ImageNet weights of ResNet-18, from which the papers start: its path from
            the folder of the raw data, or an absolute one. None starts from random weights.
    """

    train: settings.Count | None = None
    val: settings.Count | None = None
    test: settings.Count | None = None
    side: Annotated[int, Field(ge=32, le=512)] = 224
    seed: Annotated[int, Field(ge=0)] = 0
    weights: str | None = None


class Training(settings.Training):
    """The training of `samo.training.settings.Training`, `batch` being examples of each domain, and the network."""

    network: Literal["resnet18"] = "resnet18"


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Write `<split>_<domain>_images.npy` [N, side, side, 3] and `<split>_<domain>_labels.npy` [N], and the weights.

    The pictures of a domain are in a random order. Returns the datasheet.
    """
    domains = domain_folders.read_domains(raw)
    classes = list(next(iter(domains.values())))
    ours = f"ours, 60 : 20 : 20 of each class of each domain, seed {data.seed}; no lists were given"
    sheet: dict[str, Any] = {
        "what": f"{len(classes)} classes of pictures in {len(domains)} domains, resized to {data.side} x {data.side}",
        "split": "by the lists given" if (raw / domain_folders.LISTS).exists() else ours,
        "domains": list(domains),
        "classes": classes,
        "side": data.side,
        "weights": None if data.weights is None else _weights(raw / data.weights, out / WEIGHTS),
        "splits": {split: {} for split in SPLITS},
    }
    rng = np.random.default_rng(data.seed)
    for (split, domain), examples in domain_folders.read_split(raw, domains, data.seed).items():
        # Shuffled even where all are wanted: lists go by class, and whoever reads the first ones must see several.
        chosen = [examples[n] for n in rng.permutation(len(examples))[: getattr(data, split)].tolist()]
        if not chosen:
            raise ValueError(f"{domain}: no pictures in {split}")
        paths, labels = zip(*chosen, strict=True)
        modes = pictures.write(out / f"{split}_{domain}_images.npy", paths, data.side, domain_folders.FORMATS)
        np.save(out / f"{split}_{domain}_labels.npy", np.array(labels, np.uint16))
        sheet["splits"][split][domain] = {
            "images": len(chosen),
            "left_out": {"beyond the number asked for": len(examples) - len(chosen)},
            "class_counts": {name: labels.count(number) for number, name in enumerate(classes)},
            "converted_to_rgb": {mode: n for mode, n in sorted(modes.items()) if mode != "RGB"},
        }
    return sheet


def _weights(path: Path, out: Path) -> dict[str, str]:
    """Check the weights and write them beside the arrays, so that training needs no raw file."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file of weights")
    backbone = resnet18.Backbone()
    resnet18.load_weights(backbone, path)
    save_file(backbone.state_dict(), out)
    with path.open("rb") as stream:
        return {"file": path.name, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def problem(prepared: Path, training: Training) -> Problem:
    """Office-Home, or what lies in its layout, from its prepared arrays. Its `score` is the mean accuracy."""
    sheet = read_sheet(prepared, "domains", "classes", "weights")
    domains = tuple(sheet["domains"])

    mean, std = (255 * torch.tensor(values) for values in (MEAN, STD))
    transform = partial(pictures.standardised, mean=mean, std=std)

    def network() -> nn.Module:
        weights = None if sheet["weights"] is None else prepared / WEIGHTS
        built = resnet18.build_domains(len(domains), len(sheet["classes"]), weights)
        return built.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def split(name: str) -> DomainSplit:
        return DomainSplit([ArraySplit(prepared, f"{name}_{d}", transform) for d in domains], at_most=training.batch)

    return assemble(
        [classification(domain) for domain in domains],
        network,
        {name: split(name) for name in SPLITS},
        target=lambda k, batch: batch[k][1],
        forward=lambda network, batch, tasks: [network(batch[k][0], [k])[0] for k in tasks],
        present=present,
    )
