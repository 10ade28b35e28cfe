"""Pictures laid out as Domain/class/picture, and the lists that split them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from samo.datasets.parts import pictures
from samo.datasets.parts.sources import FAULTS, lines, refuse
from samo.datasets.parts.tasks import SPLITS

SHARES = (0.6, 0.2)
"""Of train and val, a class and domain, where no lists are given."""
LISTS = "split"
"""The folder of the lists <Domain>_<split>.txt; no domain."""
FORMATS, SUFFIXES = ("JPEG", "PNG"), {".jpg", ".jpeg", ".png"}

Chosen = dict[str, dict[str, list[tuple[Path, int]]]]
"""Split -> domain -> its pictures, each with the number of its class."""


@dataclass(frozen=True)
class Domains:
    """What the folders hold.

    Attributes:
        classes: names, sorted; the number of a class is its place here.
        files: domain -> class -> its pictures, all sorted. A blank in a domain's name is an underscore here, as in
            the lists ("Real World" of Office-Home is "Real_World").
    """

    classes: tuple[str, ...]
    files: Mapping[str, Mapping[str, tuple[Path, ...]]]


def read_domains(folder: Path) -> Domains:
    """Look through the folders.

    Raises:
        ValueError: fewer than two domains, a class that not all domains have, or a folder without pictures; up to
            `FAULTS` of these are named.
    """
    domains = [path for path in _folders(folder) if path.name != LISTS]
    if len(domains) < 2:
        raise ValueError(f"{folder}: {len(domains)} folders of domains; at least two are needed")
    faults = []
    files: dict[str, dict[str, tuple[Path, ...]]] = {}
    for domain in domains:
        name = domain.name.replace(" ", "_")
        if name in files:
            faults.append(f"{domain}: the same domain as {name}")
        here = files[name] = {}
        for group in _folders(domain):
            here[group.name] = tuple(sorted(p for p in group.iterdir() if p.suffix.lower() in SUFFIXES))
            if not here[group.name]:
                deeper = ", but folders: is everything one folder too deep?" if _folders(group) else ""
                faults.append(f"{group}: no pictures{deeper}")
    classes = tuple(sorted({name for here in files.values() for name in here}))
    for domain, here in zip(domains, files.values(), strict=False):
        faults += [f"{domain / name}: missing, another domain has this class" for name in classes if name not in here]
    refuse(faults)
    return Domains(classes, files)


def read_split(folder: Path, domains: Domains, seed: int) -> tuple[Chosen, bool]:
    """Which picture belongs to which split: by the lists, where there are any, and whether they said so.

    Otherwise at random, 60 : 20 : 20 of each class of each domain.

    Raises:
        ValueError: a list is missing or one of its lines is wrong, or a picture is in none or two of them; up to
            `FAULTS` faults are named.
    """
    if (folder / LISTS).exists():
        return _listed(folder, domains), True
    rng = np.random.default_rng(seed)
    chosen: Chosen = {split: {domain: [] for domain in domains.files} for split in SPLITS}
    for domain, classes in domains.files.items():
        for number, name in enumerate(domains.classes):
            paths = classes[name]
            order = rng.permutation(len(paths))
            train, val = (round(share * len(paths)) for share in SHARES)
            for split, part in zip(SPLITS, np.split(order, [train, train + val]), strict=True):
                chosen[split][domain] += [(paths[n], number) for n in sorted(part.tolist())]
    return chosen, False


def check(folder: Path) -> list[str]:
    """What is wrong with a folder that a person filled, at most `FAULTS` lines: folders, lists, then every picture."""
    try:
        domains = read_domains(folder)
        read_split(folder, domains, seed=0)
    except ValueError as error:
        return str(error).splitlines()
    every = (path for classes in domains.files.values() for paths in classes.values() for path in paths)
    return list(islice(pictures.faults(every, FORMATS), FAULTS))


def _listed(folder: Path, domains: Domains) -> Chosen:
    wanted = {(s, domain): folder / LISTS / f"{domain}_{s}.txt" for s in SPLITS for domain in domains.files}
    refuse([f"{path}: missing" for path in wanted.values() if not path.is_file()])
    known = {
        f"{domain}/{name}/{path.name}": path
        for domain, classes in domains.files.items()
        for name, paths in classes.items()
        for path in paths
    }
    chosen: Chosen = {split: {} for split in SPLITS}
    numbers: dict[str, str] = {}
    seen: set[str] = set()
    faults = []
    for (split, domain), path in wanted.items():
        chosen[split][domain] = []
        for n, line in enumerate(lines(path), 1):
            entry, _, number = line.strip().rpartition(" ")
            parts = entry.strip().split("/")
            if len(parts) != 3 or parts[0] != domain or not number.isdecimal():
                faults.append(f"{path}, line {n}: not {domain}/<class>/<picture> and a number")
            elif entry not in known:
                faults.append(f"{folder / entry}: missing, but listed in {path.name}, line {n}")
            elif entry in seen:
                faults.append(f"{path}, line {n}: {entry} is listed for the second time")
            elif numbers.setdefault(parts[1], number) != number:
                faults.append(f"{path}, line {n}: {parts[1]} has number {number} here and {numbers[parts[1]]} before")
            else:
                seen.add(entry)
                chosen[split][domain].append((known[entry], domains.classes.index(parts[1])))
    if not faults and (spare := sorted(known.keys() - seen)):
        faults = [f"{folder}: {len(known)} pictures, but the lists name {len(seen)}"]
        faults += [f"{known[entry]}: in no list" for entry in spare]
    refuse(faults)
    return chosen


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
