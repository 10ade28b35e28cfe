"""Which layers of the trunk get a local perturbation: modules, all weights of one together."""

import json
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import torch

from samo.optim.sharpness import Layers


def select_layers(names: Sequence[str], layers: Layers, generator: torch.Generator | None = None) -> list[str]:
    """The parameters of the chosen layers, in their order (Subramani's report, section on sampled layers).

    Args:
        names: the trunk's parameters in order, as `module.weight`; those of one module are one layer. Parameters
            without a module (numbered ones) are a layer each.
        layers: "all", or one or more of: an index among the layers (negative from the end), the name of a layer or of
            one of its parameters, a pattern of either (`encoder.*`), "first", "middle", "last", "random:N" for N
            different ones, or "@FILE", a JSON list of these (as `samo layers` writes it).
        generator: what "random:N" draws from; nothing else draws.

    Raises:
        ValueError: an index out of range, a name that matches nothing, or a file that is no such list.
    """
    own: dict[str, list[str]] = {}
    for name in names:
        module, dot, _ = name.rpartition(".")
        own.setdefault(module if dot or not name.isdigit() else name, []).append(name)
    listed = layers if isinstance(layers, tuple) else (layers,)
    chosen = {layer for wanted in listed for layer in _matching(own, wanted, generator)}
    return [name for layer, params in own.items() if layer in chosen for name in params]


def _matching(own: dict[str, list[str]], layer: str | int, generator: torch.Generator | None) -> list[str]:
    names, found = list(own), []
    if isinstance(layer, int):
        found = [names[layer]] if -len(names) <= layer < len(names) else []
    elif layer.startswith("@"):
        return [name for each in _from_file(layer[1:]) for name in _matching(own, each, generator)]
    elif layer.startswith("random:"):
        return _at_random(names, layer, generator)
    elif layer in ("first", "middle", "last"):
        found = [names[{"first": 0, "middle": len(names) // 2, "last": -1}[layer]]]
    else:
        pattern = "*" if layer == "all" else layer
        found = [name for name, params in own.items() if any(fnmatchcase(n, pattern) for n in (name, *params))]
    if not found:
        some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise ValueError(f"layers: {layer!r} matches none of the trunk's {len(names)} layers ({some})")
    return found


def _at_random(names: Sequence[str], layer: str, generator: torch.Generator | None) -> list[str]:
    digits = re.fullmatch("random:([0-9]{1,6})", layer)
    if digits is None or not 1 <= int(digits[1]) <= len(names):
        raise ValueError(f"layers: {layer!r}: random:N needs a whole number N from 1 to {len(names)}")
    if generator is None:
        raise ValueError(f"layers: {layer!r} needs a generator to draw from")
    drawn = torch.randperm(len(names), generator=generator, device=generator.device).tolist()
    return [names[d] for d in drawn[: int(digits[1])]]


def _from_file(name: str) -> list[str | int]:
    try:
        content = json.loads(Path(name).read_text())
    except OSError as error:
        raise ValueError(f"layers: {name}: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise ValueError(f"layers: {name}: not JSON") from None
    if (
        not isinstance(content, list)
        or not content
        or any(type(c) not in (str, int) or str(c).startswith("@") for c in content)
    ):
        raise ValueError(f"layers: {name}: must be a JSON list of one or more names or indices of layers")
    return content
