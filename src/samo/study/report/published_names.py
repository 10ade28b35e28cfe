"""The papers' names for metrics and methods, and ours: the one place where the two are joined."""

from typing import NamedTuple


class Ours(NamedTuple):
    """A column of our main table, and what a printed value is multiplied with to be in its unit."""

    column: str
    times: float = 1.0


class Kind(NamedTuple):
    """A method as params.yaml composes it: one network for all tasks unless `separate`."""

    aggregator: str
    sharpness: str = "none"
    separate: bool = False


DELTA_M = "Delta_m%"
"""Delta-m in the papers' tables: each against its own single-task runs, as ours is against ours."""

_DIGITS = {"acc task 1 (top-left)": Ours("left accuracy"), "acc task 2 (bottom-right)": Ours("right accuracy")}
_SEGMENTATION_AND_DEPTH = {
    "mIoU": Ours("segmentation mIoU"),
    "Pix Acc": Ours("segmentation Pix Acc"),
    "Abs Err": Ours("depth Abs Err"),
    "Rel Err": Ours("depth Rel Err"),
}
_NORMALS = ("Angle Mean", "Angle Median", "Within 11.25", "Within 22.5", "Within 30")
_MOLECULES = {
    "mu": "mu",
    "alpha": "alpha",
    "eps_HOMO": "homo",
    "eps_LUMO": "lumo",
    "R2": "r2",
    "ZPVE": "zpve",
    "U0": "u0",
    "U": "u",
    "H": "h",
    "G": "g",
    "c_v": "cv",
}

METRICS: dict[str, dict[str, Ours]] = {
    "multimnist": _DIGITS,
    "multifashion": _DIGITS,
    "multifashionmnist": _DIGITS,
    "cityscapes": _SEGMENTATION_AND_DEPTH,
    "nyuv2": _SEGMENTATION_AND_DEPTH | {name: Ours(f"normals {name}") for name in _NORMALS},
    "qm9": {f"{theirs} MAE": Ours(f"{ours} mae") for theirs, ours in _MOLECULES.items()},
    # A mean over 40 attributes has no column of its own, and F1 of each stands for STL and one method only.
    "celeba": {},
}
"""Dataset -> a paper's metric -> our column. What is not named has no counterpart: means over tasks (Delta-m says it),
mean ranks (they depend on which methods stand in the table), training times."""

_BASES = {
    "LS": "ls",
    "SI": "si",
    "RLW": "rlw",
    "DWA": "dwa",
    "UW": "uw",
    "MGDA": "mgda",
    "PCGrad": "pcgrad",
    "GradDrop": "graddrop",
    "CAGrad": "cagrad",
    "IMTL": "imtl-g",
    "IMTL-G": "imtl-g",
    "Nash-MTL": "nash-mtl",
    "NashMTL": "nash-mtl",
    "FAMO": "famo",
    "FairGrad": "fairgrad",
    "Aligned-MTL": "aligned-mtl",
    "STCH": "stch",
}
_PREFIXES = {"SAMO-": "samo", "G-SAM-": "gsam", "L-SAM-": "lsam", "F-": "fmtl"}
METHODS: dict[str, Kind] = {
    **{name: Kind(ours) for name, ours in _BASES.items()},
    **{
        prefix + name: Kind(ours, sharpness) for prefix, sharpness in _PREFIXES.items() for name, ours in _BASES.items()
    },
    "STL": Kind("ls", separate=True),
    "F-STL": Kind("ls", "fmtl", separate=True),
    "FairGrad (alpha 2)": Kind("fairgrad"),
    "FairGrad (re-run)": Kind("fairgrad"),
    # SAMO's tables name F-MTL's best row alone, and with which aggregator it was had.
    "F-MTL (best; = F-MGDA)": Kind("mgda", "fmtl"),
    "F-MTL (best; = F-IMTL)": Kind("imtl-g", "fmtl"),
    # F-MTL's Table 5: one aggregation of perturbed gradients is L-SAM's.
    "MGDA ERM": Kind("mgda"),
    "F-MGDA direct aggregation of SAM gradients": Kind("mgda", "lsam"),
    "F-MGDA separate aggregation (method)": Kind("mgda", "fmtl"),
    "F-CAGrad (method)": Kind("cagrad", "fmtl"),
    "F-CAGrad Second-aggre": Kind("cagrad", "fmtl-second"),
    "F-CAGrad Each-aggre": Kind("cagrad", "fmtl-each"),
}
"""A paper's method -> ours. What is not named is no method of this study (NTKMTL, EXTRA, GO4Align …)."""
