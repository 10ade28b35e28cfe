"""Colours and names: a sharpness has the same colour and mark in every figure and in the report.

The colours are Okabe and Ito's (2008), told apart with any common colour blindness; the four that stand out
from both a white and a dark page go to the methods of the papers. The mark says the same a second time.
"""

from hashlib import sha256
from typing import Any

INK = "#24292f"
MUTED = "#6e7781"
GRID = "#d8dee4"
PAPER = "#ffffff"

LOOKS = {
    "none": (INK, "o", "plain"),
    "gsam": ("#0072b2", "s", "G-SAM"),
    "lsam": ("#009e73", "^", "L-SAM"),
    "samo": ("#d55e00", "D", "SAMO"),
    "fmtl": ("#cc79a7", "v", "F-MTL"),
    "samo-shared": ("#e69f00", "P", "SAMO, shared"),
    "samo-sampled": ("#56b4e9", "X", "SAMO, sampled"),
    "placebo": (MUTED, "p", "placebo"),
    # Okabe and Ito have no more that stand out from both pages: these are of Tol's muted scheme.
    "msam": ("#7a6ff0", "<", "M-SAM"),
    "lookback": ("#aa4466", ">", "look-back"),
    "friendly": ("#999933", "h", "Friendly-SAM"),
    "samo-remembered": ("#a0522d", "d", "SAMO, remembered"),
    "nadam": ("#4d8076", "H", "NAdam, no sharpness"),
}
"""Sharpness -> colour, mark and name."""
COLOURS = {sharpness: shade for sharpness, (shade, _, _) in LOOKS.items()}
SPARE = ["#e69f00", "#56b4e9", "#0072b2", "#009e73"]

NAMES = {sharpness: name for sharpness, (_, _, name) in LOOKS.items()} | {
    "stl": "STL",
    "multimnist": "Multi-MNIST",
    "multimnistpoor": "Few data",
    "multifashion": "Multi-Fashion",
    "multifashionmnist": "Multi-Fashion+MNIST",
    "qm9": "QM9",
    "nyuv2": "NYUv2",
    "cityscapes": "Cityscapes",
    "celeba": "CelebA",
    "officehome": "Office-Home",
    "scenes": "Scenes",
    "toys": "Toys",
    "quadratics": "Two quadratics",
    "valleys": "Valleys and bowls",
    "ls": "LS",
    "mgda": "MGDA",
    "fairgrad": "FairGrad",
    "pcgrad": "PCGrad",
    "cagrad": "CAGrad",
    "imtl-g": "IMTL-G",
    "nash-mtl": "Nash-MTL",
    "fmtl-direct": "F-MTL, direct",
    "fmtl-second": "F-MTL, second",
    "fmtl-each": "F-MTL, each",
    "sgd momentum=0.9": "SGD, momentum",
    "sgd momentum=0.9 nesterov=True": "SGD, Nesterov",
}


def colour(sharpness: str) -> str:
    """The sharpness's colour as #rrggbb; one that is not listed gets a fixed one from its name."""
    return COLOURS.get(sharpness) or SPARE[sha256(sharpness.encode()).digest()[0] % len(SPARE)]


def look(sharpness: str, **more: Any) -> dict[str, Any]:
    """How matplotlib draws its line: colour, mark, name and sizes; `more` changes or adds to them."""
    mark = LOOKS[sharpness][1] if sharpness in LOOKS else "*"
    known = {"color": colour(sharpness), "marker": mark, "label": label(sharpness)}
    return known | {"linewidth": 1.6, "markersize": 4} | more


def label(name: str) -> str:
    """How people write an aggregator or a sharpness; an unknown name stays as it is in params.yaml."""
    return NAMES.get(name, name)


def spoken(aggregator: str, sharpness: str) -> str:
    """A method as people say it: "FairGrad + SAMO", or "FairGrad" alone without sharpness."""
    return label(aggregator) if sharpness == "none" else f"{label(aggregator)} + {label(sharpness)}"
