"""Pictures laid out as Domain/class/picture, and the lists that split them."""

from itertools import islice, product
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

Domains = dict[str, dict[str, list[Path]]]
"""Domain -> class -> its pictures, all sorted; a class's number is its place. A blank in a domain's name is an
underscore here, as in the lists ("Real World" of Office-Home is "Real_World")."""
Chosen = dict[tuple[str, str], list[tuple[Path, int]]]
"""Split and domain -> its pictures, each with the number of its class."""


def read_domains(folder: Path) -> Domains:
    """Look through the folders.

    Raises:
        ValueError: fewer than two domains, a class that not all domains have, or a folder without pictures; up to
            `FAULTS` of these are named.
    """
    folders = [path for path in _folders(folder) if path.name != LISTS]
    if len(folders) < 2:
        raise ValueError(f"{folder}: {len(folders)} folders of domains; at least two are needed")
    faults = []
    domains: Domains = {}
    for domain in folders:
        name = domain.name.replace(" ", "_")
        if name in domains:
            faults.append(f"{domain}: the same domain as {name}")
        here = domains[name] = {}
        for group in _folders(domain):
            here[group.name] = sorted(p for p in group.iterdir() if p.suffix.lower() in SUFFIXES)
            if not here[group.name]:
                deeper = ", but folders: is everything one folder too deep?" if _folders(group) else ""
                faults.append(f"{group}: no pictures{deeper}")
    classes = sorted({name for here in domains.values() for name in here})
    for domain, here in zip(folders, domains.values(), strict=False):
        faults += [f"{domain / name}: missing, another domain has this class" for name in classes if name not in here]
    refuse(faults)
    return domains


def read_split(folder: Path, domains: Domains, seed: int) -> Chosen:
    """Which picture belongs to which split: by the lists, where there are any.

    Otherwise at random, 60 : 20 : 20 of each class of each domain.

    Raises:
        ValueError: a list is missing or one of its lines is wrong, or a picture is in none or two of them; up to
            `FAULTS` faults are named.
    """
    if (folder / LISTS).exists():
        return _listed(folder, domains)
    rng = np.random.default_rng(seed)
    chosen: Chosen = {key: [] for key in product(SPLITS, domains)}
    for domain, classes in domains.items():
        for number, paths in enumerate(classes.values()):
            train, val = (round(share * len(paths)) for share in SHARES)
            parts = np.split(rng.permutation(len(paths)), [train, train + val])
            for split, part in zip(SPLITS, parts, strict=True):
                chosen[split, domain] += [(paths[n], number) for n in sorted(part.tolist())]
    return chosen


def check(folder: Path) -> list[str]:
    """What is wrong with a folder that a person filled, at most `FAULTS` lines: folders, lists, then every picture."""
    try:
        domains = read_domains(folder)
        read_split(folder, domains, seed=0)
    except ValueError as error:
        return str(error).splitlines()
    every = (path for classes in domains.values() for paths in classes.values() for path in paths)
    return list(islice(pictures.faults(every, FORMATS), FAULTS))


def _listed(folder: Path, domains: Domains) -> Chosen:
    wanted = {(split, domain): folder / LISTS / f"{domain}_{split}.txt" for split, domain in product(SPLITS, domains)}
    refuse([f"{path}: missing" for path in wanted.values() if not path.is_file()])
    known = {
        f"{domain}/{name}/{path.name}": (path, number)
        for domain, classes in domains.items()
        for number, (name, paths) in enumerate(classes.items())
        for path in paths
    }
    chosen: Chosen = {key: [] for key in wanted}
    numbers: dict[str, str] = {}
    seen: set[str] = set()
    faults = []
    for (split, domain), path in wanted.items():
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
                chosen[split, domain].append(known[entry])
    if not faults and (spare := sorted(known.keys() - seen)):
        faults = [f"{folder}: {len(known)} pictures, but the lists name {len(seen)}"]
        faults += [f"{known[entry][0]}: in no list" for entry in spare]
    refuse(faults)
    return chosen


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
