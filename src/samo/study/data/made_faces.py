"""Pictures in CelebA's layout for when the real ones are not at hand: views of made rooms, an attribute per class.

`python -m samo.study.data.made_faces` fills the folder where the user would put CelebA, with as many pictures as the
active profile asks for. Only their format is CelebA's: they serve to try what a step does, not to get results.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from samo.datasets import celeba
from samo.datasets.parts.scenes.camera import photograph
from samo.datasets.parts.scenes.furnish import furnish
from samo.datasets.parts.scenes.furniture import CLASSES
from samo.datasets.parts.tasks import SPLITS
from samo.study import config, paths, store


def write(folder: Path, counts: Mapping[str, int], side: int, seed: int = 0) -> None:
    """Write `counts` pictures of each split, and both lists; an attribute is set if its class has a pixel in the view.

    A FileExistsError if the folder is there already.
    """
    if folder.exists():
        raise FileExistsError(f"{folder}: there already")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with store.whole_folder(folder) as out:
        (out / celeba.IMAGES).mkdir()
        attributes, partition = list[str](), list[str]()
        for number, split in enumerate(SPLITS):
            for n in range(counts[split]):
                rng = np.random.default_rng((seed, number, n))
                view = photograph(furnish(rng), side, side, rng)
                name = f"{len(attributes) + 1:06}.jpg"
                picture = Image.fromarray(np.ascontiguousarray(view.image.transpose(1, 2, 0)))
                picture.save(out / celeba.IMAGES / name, quality=95)
                seen = np.isin(np.arange(len(CLASSES)), view.label)
                attributes.append(f"{name} {' '.join('1' if there else '-1' for there in seen)}")
                partition.append(f"{name} {number}")
        head = [str(len(attributes)), " ".join(CLASSES)]
        (out / celeba.ATTRIBUTES).write_text("\n".join([*head, *attributes]) + "\n")
        (out / celeba.PARTITION).write_text("\n".join(partition) + "\n")


if __name__ == "__main__":
    data = config.load().datasets["celeba"].data
    write(paths.given_data("celeba"), {split: getattr(data, split) for split in SPLITS}, data.side)
