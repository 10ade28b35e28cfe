"""Small raw data in each publisher's layout, and the problem that comes of them."""

import io
import tarfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image
from rdkit import Chem
from rdkit.Chem.rdDistGeom import EmbedMolecule

from samo import datasets
from samo.datasets import cityscapes, nyuv2, qm9
from samo.datasets.parts import brown, composites
from samo.datasets.parts.dense.folders import Layout
from samo.study import store
from samo.training.problem import Problem


def idx(array: NDArray[np.uint8]) -> bytes:
    """An idx file of unsigned bytes, as MNIST's publisher lays it out."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def digits(folder: Path, first: int = 100) -> Path:
    """40 + 20 digits: every pixel of number n holds `first` + n; the labels are 0, 1, ..., 9, 0, 1, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, numbers in (("train", np.arange(40)), ("t10k", np.arange(40, 60))):
        images = np.repeat(first + numbers, 28 * 28).reshape(-1, 28, 28)
        (folder / f"{split}-images-idx3-ubyte").write_bytes(idx(images.astype(np.uint8)))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx((numbers % 10).astype(np.uint8)))
    return folder


ATTRIBUTES = ["Bald", "Male", "Smiling"]
FACES = [f"{n + 1:06}.jpg" for n in range(30)]


def attributes_of(n: int) -> list[bool]:
    return [n % 5 == 0, n % 2 == 0, n % 3 == 0]


def edit(path: Path, old: str, new: str) -> None:
    """Replace what is in a text file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def write_attributes(folder: Path, names: Sequence[str] = FACES, counted: int = 0) -> None:
    """CelebA's two lists; faces 0 to 19 train, 20 to 24 val, 25 to 29 test."""
    rows = [f"{name} " + " ".join(" 1" if yes else "-1" for yes in attributes_of(n)) for n, name in enumerate(names)]
    head = [str(counted or len(names)), " ".join(ATTRIBUTES) + " "]
    (folder / "list_attr_celeba.txt").write_text("\n".join([*head, *rows]) + "\n")
    parts = [f"{name} {(n >= 20) + (n >= 25)}" for n, name in enumerate(names)]
    (folder / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")


def faces(folder: Path) -> Path:
    """30 faces of 3 attributes: number n has the grey level 8 n."""
    (folder / "img_align_celeba").mkdir(parents=True)
    write_attributes(folder)
    for n, name in enumerate(FACES):
        Image.new("RGB", (18, 22), (8 * n,) * 3).save(folder / "img_align_celeba" / name)
    return folder


THINGS = ["Bed", "Mug"]
PICTURES = {"Art": 5, "Real World": 10}
"""Pictures of each class in each domain of Office-Home."""


def grey(domain: str, label: int, n: int) -> int:
    """The grey level of a made picture: unlike that of every other."""
    return 5 + 120 * (domain != "Art") + 50 * label + 4 * n


def things(folder: Path) -> Path:
    """Two domains of two classes."""
    for domain, count in PICTURES.items():
        for label, name in enumerate(THINGS):
            (folder / domain / name).mkdir(parents=True)
            for n in range(count):
                path = folder / domain / name / f"{n:05}.jpg"
                Image.new("RGB", (40, 30), (grey(domain, label, n),) * 3).save(path)
    return folder


SMILES = ("C", "N", "O", "C#C", "C#N", "CO", "CC", "C=O", "CF", "c1ccoc1", "CC(=O)N", "OC1CC1", "N#CC=O", "CNC")
COLUMNS = ["Index", "SMILES", "Elements", "XYZ_Ang", *(target.column for target in qm9.TARGETS.values())]


def molecule(index: int) -> list[str]:
    """A molecule as QM9's publisher writes it; of the properties, column k of molecule i holds i + k / 100."""
    smiles = SMILES[index % len(SMILES)]
    made = Chem.AddHs(Chem.MolFromSmiles(smiles))
    EmbedMolecule(made, randomSeed=1)
    elements = ",".join(f"'{atom.GetSymbol()}'" for atom in made.GetAtoms())
    places = ",".join("[" + ",".join(f"{x:.6f}" for x in p) + "]" for p in made.GetConformer().GetPositions())
    return [str(index), smiles, f"[{elements}]", f"[{places}]", *(str(index + k / 100) for k in range(11))]


def molecules(folder: Path, rows: Sequence[list[str]] | None = None) -> Path:
    """The three tables, by default of 42 molecules."""
    folder.mkdir(exist_ok=True)
    rows = [molecule(i) for i in range(42)] if rows is None else rows
    for part, file in enumerate(qm9.RAW):
        pd.DataFrame(rows[part::3], columns=COLUMNS).to_csv(folder / file.name, index=False)
    return folder


def views(root: Path, layout: Layout, height: int = 16, width: int = 32) -> Path:
    """Folders as MTAN's authors publish them: an image's first pixel tells its number, its last one is unknown."""
    rng = np.random.default_rng(0)
    for split, count in layout.images.items():
        for kind, names in layout.folders.items():
            folder = root / split / names[0]
            folder.mkdir(parents=True)
            for n in range(count):
                array = {
                    "image": rng.random((height, width, 3)),
                    "label": rng.integers(len(layout.classes), size=(height, width)),
                    "depth": rng.uniform(0.5, 9, (height, width, 1)),
                    "normal": rng.normal(size=(height, width, 3)),
                }[kind].astype(np.float32)
                if kind == "normal":
                    array /= np.linalg.norm(array, axis=2, keepdims=True)
                if kind == "image":
                    array[0, 0] = n / 255
                array[-1, -1] = -1 if kind == "label" else 0
                np.save(folder / f"{n}.npy", array)
    return root


def archive(path: Path, texts: Mapping[str, str]) -> None:
    """Texts by name, as the Brown corpus's package holds them."""
    with tarfile.open(path, "w:gz") as made:
        for name, text in texts.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            made.addfile(info, io.BytesIO(text.encode()))


def texts(folder: Path) -> Path:
    """Three made texts of each genre, of six paragraphs: a genre has a word of its own."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    made = {}
    for name in (f"c{genre}{n:02}" for genre in brown.GENRES for n in (1, 2, 3)):
        words = [f"Word{name[1]}/np-tl", "the/at", "not/*", "--/--", "can't/md*", "fin/fw-nn", "end/nn-hl"]
        paragraphs = [" ".join(rng.choice(words, 3 + n)) + "\n./." for n in range(6)]
        made[name] = "\n\n\n\t" + "\n\n\n\t".join(paragraphs) + "\n"
    archive(folder / brown.RAW[0].name, made)
    return folder


def both(folder: Path) -> Path:
    """A digit's publisher and a garment's, whose files have the same names."""
    digits(folder / "mnist", 10)
    digits(folder / "fashion", 150)
    return folder


def save(folder: Path, **arrays: NDArray[Any]) -> None:
    """Write a prepared training split's arrays."""
    for name, array in arrays.items():
        np.save(folder / f"train_{name}.npy", array)


TWO = {"train": 24, "val": 10, "test": 11}
WORDS = {"train": 40, "val": 30, "test": 40, "length": 8}
DENSE = {"train": 5, "val": 3, "test": 4, "height": 16, "width": 32}
SMALL: dict[str, tuple[Callable[[Path], Path], dict[str, Any], dict[str, Any]]] = {
    "multimnist": (digits, TWO, {}),
    "multifashion": (digits, TWO, {}),
    "multifashionmnist": (both, TWO, {}),
    "celeba": (faces, {"side": 16}, {}),
    "officehome": (things, {"side": 32}, {}),
    "qm9": (molecules, {"val": 7, "test": 5}, {"width": 8}),
    "nyuv2": (partial(views, layout=nyuv2.LAYOUT), DENSE, {"widths": [4, 6]}),
    "cityscapes": (partial(views, layout=cityscapes.LAYOUT), DENSE, {"widths": [4, 6]}),
    "brown": (texts, WORDS, {"width": 16, "layers": 1}),
    "brownlora": (texts, {**WORDS, "width": 16, "layers": 1, "updates": 3}, {"width": 16, "layers": 1}),
    "multimnistpoor": (digits, TWO, {}),
    "scenes": (Path, {"train": 8, "val": 2, "test": 3, "height": 16, "width": 24}, {"widths": [4, 6, 8]}),
}
"""Dataset -> what writes raw files (Path: nothing), how it is prepared and trained."""


def prepared(name: str, folder: Path) -> Path:
    """A dataset's prepared arrays, with their datasheet."""
    module, (write, data, _) = datasets.get(name), SMALL[name]
    out = folder / "prepared"
    out.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composites, "HELD_OUT", 15)
        for layout in (nyuv2.LAYOUT, cityscapes.LAYOUT):
            patch.setitem(layout.images, "train", 8)
            patch.setitem(layout.images, "val", 4)
        sheet = module.prepare(write(folder / "raw"), out, module.Data(**data))
    store.write_json(out / "datasheet.json", sheet)
    return out


def problem(name: str, arrays: Path, **training: Any) -> Problem:
    """A dataset's problem with small batches and a small network."""
    module = datasets.get(name)
    return module.problem(arrays, module.Training(**{"batch": 4, **SMALL[name][2], **training}))
