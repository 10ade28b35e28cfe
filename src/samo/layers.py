"""Which tensors of the trunk get a local perturbation: by index, by name, by place, or from a file."""

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from samo.sharpness import Layers


def select_layers(names: Sequence[str], layers: Layers) -> list[int]:
    """Indices of the chosen tensors, ascending.

    Args:
        names: the trunk's parameter tensors, in order; each is a layer.
        layers: "all", or one or more of: an index (negative from the end), a name or pattern (`*.weight`),
            "first", "middle", "last", or "@FILE", a JSON list of these (what an analysis wrote).

    Raises:
        ValueError: an index out of range or a name that matches nothing.
    """
    chosen: set[int] = set()
    for layer in layers if isinstance(layers, tuple) else (layers,):
        if isinstance(layer, str) and layer.startswith("@"):
            found = select_layers(names, tuple(json.loads(Path(layer[1:]).read_text())))
        elif isinstance(layer, int):
            found = [layer % len(names)] if -len(names) <= layer < len(names) else []
        elif layer == "all":
            found = list(range(len(names)))
        elif layer in ("first", "middle", "last"):
            found = [{"first": 0, "middle": len(names) // 2, "last": len(names) - 1}[layer]]
        else:
            found = [d for d, name in enumerate(names) if fnmatchcase(name, layer)]
        if not found:
            raise ValueError(f"layers: {layer!r} matches none of the trunk's {len(names)} tensors ({_some(names)})")
        chosen.update(found)
    return sorted(chosen)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
