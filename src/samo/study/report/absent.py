"""What a profile does not hold: said in one line, with the ready-made profile that does."""

from collections.abc import Callable
from pathlib import Path

from samo.study import profile
from samo.study.config import Params

Holds = Callable[[Params], bool]
"""Whether a profile holds what is asked for."""


def line(root: Path, what: str, holds: Holds) -> str:
    """One line in the place of a section: what is missing, and which profile has it."""
    found = [name for name in profile.names(root) if name not in _TESTS and holds(profile.read(root, name)[1])]
    if not found:
        return f"Not in this profile: {what}. No ready-made profile has it: a line in params.yaml brings it."
    commands = " or ".join(f"`samo profile {name}`" for name in sorted(found, key=_size))
    return f"Not in this profile: {what}. {commands} has it."


def has_dataset(name: str) -> Holds:
    """Whether a profile has this dataset."""
    return lambda params: name in params.datasets


def has_sharpness(*names: str, separate: bool = False) -> Holds:
    """Whether some dataset of a profile has methods with every one of these sharpnesses."""
    networks = "separate" if separate else "shared"

    def holds(params: Params) -> bool:
        return any(
            set(names) <= {m.preset_name for m in params.main_on(dataset).values() if m.networks == networks}
            for dataset in params.datasets
        )

    return holds


def has_analysis(name: str) -> Holds:
    """Whether a profile has this analysis."""
    return lambda params: name in params.analyses


def varies(field: str) -> Holds:
    """Whether a profile has variants in which this field of a sharpness is changed."""
    return lambda params: any(
        field in method.preset_fields and dataset in params.datasets
        for dataset in params.sensitivity.datasets
        for method in params.sensitivity.methods.values()
    )


_TESTS = ("smoke",)
_ORDER = ("laptop", "mini", "study")


def _size(name: str) -> int:
    """Small profiles first."""
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)
