"""SAMO with FairGrad in a plain PyTorch loop: two regressions on one trunk. Prints the losses as they fall."""

import torch
from torch import nn
from torch.nn import functional as F

from samo import MultiTaskUpdate, preset

torch.manual_seed(0)
x = torch.randn(256, 10)
targets = [x[:, :1].sin(), x[:, :1] * x[:, 1:2]]

trunk = nn.Sequential(nn.Linear(10, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
heads = nn.ModuleList([nn.Linear(32, 1), nn.Linear(32, 1)])
optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], lr=1e-2)
update = MultiTaskUpdate(trunk, heads, aggregator="fairgrad", sharpness=preset("samo", rho=0.05))

for epoch in range(10):
    for batch in torch.randperm(256).split(64):

        def losses_of(tasks, batch=batch):
            """The losses of the asked tasks, in the order asked."""
            features = trunk(x[batch])
            return [F.mse_loss(heads[i](features), targets[i][batch]) for i in tasks]

        optimizer.zero_grad()
        losses = update.backward(losses_of)
        optimizer.step()
    print(f"epoch {epoch + 1}: " + ", ".join(f"{loss:.4f}" for loss in losses))
