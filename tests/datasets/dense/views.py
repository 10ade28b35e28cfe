"""Views for the tests."""

import torch

from samo.datasets.parts.dense.split import Views
from samo.models.segnet import unit_length


def views(n: int = 2, height: int = 4, width: int = 6, classes: int = 3) -> Views:
    generator = torch.Generator().manual_seed(0)
    return Views(
        image=torch.rand(n, 3, height, width, generator=generator),
        label=torch.randint(classes, (n, height, width), generator=generator),
        depth=1 + torch.rand(n, 1, height, width, generator=generator),
        normal=unit_length(torch.randn(n, 3, height, width, generator=generator)),
    )
