"""LeNet for 36 x 36 images of two overlaid digits (Lin et al. 2019, ParetoMTL): 31,910 parameters."""

from torch import nn

from samo.models.multitask import MultiTaskNetwork


def build(tasks: int = 2, classes: int = 10) -> MultiTaskNetwork:
    """Trunk: conv 9x9 (10), pool, conv 5x5 (20), pool, fully connected 500 -> 50; heads: 50 -> classes.

    Input [N, 1, 36, 36], outputs [N, classes] logits. Weights are drawn from torch's global generator.
    """
    trunk = nn.Sequential(
        nn.Conv2d(1, 10, 9),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(10, 20, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(500, 50),
        nn.ReLU(),
    )
    return MultiTaskNetwork(trunk, [nn.Linear(50, classes) for _ in range(tasks)])
