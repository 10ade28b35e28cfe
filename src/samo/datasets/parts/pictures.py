"""Picture files, read whole or refused by name, and what a network sees of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from samo.datasets.parts.sources import FAULTS, refuse


def read(
    path: Path, side: int | None, formats: Sequence[str], modes: Sequence[str] = ()
) -> tuple[NDArray[np.uint8], str]:
    """A picture as RGB, uint8 [side, side, 3], and Pillow's name of the mode that it had.

    Args:
        path: of the file.
        side: of the square that it is resized to (bilinear over the pixels that fall together, as torchvision resizes
            PIL images); None keeps it at a size that is cheap to decode, which still reads every byte.
        formats: what Pillow may take the file for, by its content.
        modes: what it may hold ("RGB", "L", …); none allows all, and converts them.

    Raises:
        ValueError: missing, cut off, of another format or mode; the file is named.
    """
    try:
        with Image.open(path, formats=tuple(formats)) as picture:
            mode = picture.mode
            if side is None:
                picture.draft(None, (1, 1))
            whole = picture.convert("RGB")
            square = whole if side is None else whole.resize((side, side), Image.Resampling.BILINEAR)
    except FileNotFoundError:
        raise ValueError(f"{path}: missing") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # Pillow's message for another format repeats the path.
        reason = "another format" if isinstance(error, UnidentifiedImageError) else str(error).splitlines()[0]
        raise ValueError(f"{path}: no readable {' or '.join(formats)} ({reason})") from error
    if modes and mode not in modes:
        raise ValueError(f"{path}: mode {mode}, not {' or '.join(modes)}")
    return np.asarray(square), mode


def faults(paths: Iterable[Path], formats: Sequence[str], modes: Sequence[str] = ()) -> Iterator[str]:
    """What is wrong with each picture that `read` would refuse, found as it is asked for."""
    for path in paths:
        try:
            read(path, None, formats, modes)
        except ValueError as error:
            yield str(error)


def write(
    out: Path, paths: Sequence[Path], side: int, formats: Sequence[str], modes: Sequence[str] = ()
) -> Counter[str]:
    """Write the pictures to one .npy file, uint8 [N, side, side, 3], one at a time: they need not fit into memory.

    Returns how many had which mode.

    Raises:
        ValueError: pictures that cannot be read; the first `FAULTS` of them are named.
    """
    found: Counter[str] = Counter()
    array = open_memmap(out, mode="w+", dtype=np.uint8, shape=(len(paths), side, side, 3))
    for n, path in enumerate(paths):
        try:
            array[n], mode = read(path, side, formats, modes)
        except ValueError as error:
            refuse([str(error), *islice(faults(paths[n + 1 :], formats, modes), FAULTS - 1)])
        found[mode] += 1
    array.flush()
    return found


def standardised(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Pictures as stored, less a mean and divided by a deviation per channel [3]: [N, 3, H, W].

    They stay in memory as [N, H, W, 3], the layout in which convolutions are fastest on a CPU.
    """
    mean, std = (values.to(images.device).view(3, 1, 1) for values in (mean, std))
    return images.permute(0, 3, 1, 2).float().sub_(mean).div_(std)
