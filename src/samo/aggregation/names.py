"""Names -> TorchJD's aggregators (they take J [K, P]) and scalarisers (they take the losses [K]).

MoDo and SDMGrad are not among them: they weigh by J_1 J_2^T of two independent batches, and a step has one.
"""

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from torchjd import aggregation as gradient_based
from torchjd import scalarization as loss_based
from torchjd.aggregation import Aggregator
from torchjd.scalarization import Scalarizer

from samo.aggregation.scalarisers import ScaleInvariant, WindowedDWA


class _Maker(NamedTuple):
    """A constructor, the defaults that the papers use, and the argument that takes the number of tasks."""

    build: Callable[..., Aggregator | Scalarizer]
    defaults: Mapping[str, Any] = MappingProxyType({})
    tasks: str | None = None


_MAKERS: dict[str, _Maker] = {
    "ls": _Maker(loss_based.Sum),
    "sum": _Maker(loss_based.Sum),
    "mean": _Maker(loss_based.Mean),
    "si": _Maker(ScaleInvariant),
    "gls": _Maker(loss_based.GeometricMean),
    "rlw": _Maker(loss_based.Random),
    "dwa": _Maker(WindowedDWA),
    "uw": _Maker(loss_based.UW, tasks="shape"),
    "imtl-l": _Maker(loss_based.IMTLL, tasks="shape"),
    "famo": _Maker(loss_based.FAMO, tasks="shape"),
    "stch": _Maker(loss_based.STCH, {"mu": 0.1}),
    "mgda": _Maker(gradient_based.MGDA),
    "pcgrad": _Maker(gradient_based.PCGrad),
    "gradvac": _Maker(gradient_based.GradVac),
    "graddrop": _Maker(gradient_based.GradDrop),
    "cagrad": _Maker(gradient_based.CAGrad, {"c": 0.4}),
    "imtl-g": _Maker(gradient_based.IMTLG),
    "nash-mtl": _Maker(gradient_based.NashMTL, tasks="n_tasks"),
    "fairgrad": _Maker(gradient_based.FairGrad, {"alpha": 2.0}),
    "aligned-mtl": _Maker(gradient_based.AlignedMTL),
    "upgrad": _Maker(gradient_based.UPGrad),
    "dualproj": _Maker(gradient_based.DualProj),
    "config": _Maker(gradient_based.ConFIG),
}

NAMES: tuple[str, ...] = tuple(_MAKERS)
"""Every aggregator and scalariser that `make` knows."""

SCALARISERS: tuple[str, ...] = tuple(
    name for name, maker in _MAKERS.items() if isinstance(maker.build, type) and issubclass(maker.build, Scalarizer)
)
"""Those of NAMES that need the losses alone, and so never pay for K gradients."""


def options(name: str) -> list[str]:
    """The options that `make(name, ...)` takes, beside `tasks`.

    Raises:
        ValueError: an unknown name.
    """
    return [option for option in inspect.signature(builder(name)).parameters if option != _MAKERS[name].tasks]


def builder(name: str) -> Callable[..., Aggregator | Scalarizer]:
    """The constructor that takes these options.

    Raises:
        ValueError: an unknown name.
    """
    if name not in _MAKERS:
        raise ValueError(f"unknown aggregator {name!r}: one of {', '.join(NAMES)}")
    return _MAKERS[name].build


def make(name: str, *, tasks: int | None = None, **chosen: Any) -> Aggregator | Scalarizer:
    """An aggregator or scalariser by name.

    Args:
        name: one of NAMES.
        tasks: K; needed by those with a weight per task (uw, imtl-l, famo, nash-mtl), ignored by the others.
        chosen: its options (`alpha` of fairgrad, 2.0; `c` of cagrad, 0.4; `mu` of stch, 0.1; `window` of dwa, 25).

    Raises:
        ValueError: an unknown name or option, a value that it refuses, or `tasks` missing.
    """
    allowed = options(name)
    for key in chosen:
        if key not in allowed:
            takes = ", ".join(allowed) if allowed else "none"
            raise ValueError(f"unknown option {key!r} of {name}: it takes {takes}")
    maker = _MAKERS[name]
    arguments = {**maker.defaults, **chosen}
    if maker.tasks is not None:
        if tasks is None:
            raise ValueError(f"{name} keeps a weight a task: give tasks=K")
        arguments[maker.tasks] = tasks
    return maker.build(**arguments)
