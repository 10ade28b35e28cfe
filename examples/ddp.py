"""SAMO with FairGrad on several processes, each with its share of every batch.

    torchrun --nproc-per-node 2 examples/ddp.py

On GPUs each process takes its own; without, they talk over loopback. Run by plain python it is one process, and prints
the same losses but for rounding.
"""

import os

import torch
from torch import distributed, nn
from torch.nn import functional as F

from samo import MultiTaskUpdate, preset, share_of

group, device = None, torch.device("cpu")
if "RANK" in os.environ:  # torchrun's
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    group = distributed.group.WORLD

torch.manual_seed(0)  # alike on every rank: the same data, the same weights, the same batches
x = torch.randn(256, 10, device=device)
targets = [x[:, :1].sin(), x[:, :1] * x[:, 1:2]]
trunk = nn.Sequential(nn.Linear(10, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()).to(device)
heads = nn.ModuleList([nn.Linear(32, 1), nn.Linear(32, 1)]).to(device)
optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], lr=1e-2)
update = MultiTaskUpdate(
    trunk, heads, aggregator="fairgrad", sharpness=preset("samo", rho=0.05), group=group, sync_batchnorm=True
)

for epoch in range(10):
    for batch in torch.randperm(256, device=device).split(64):
        share = share_of(batch, group)

        def losses_of(tasks, share=share):
            """Means over this rank's share; the update averages them over ranks."""
            features = trunk(x[share])
            return [F.mse_loss(heads[i](features), targets[i][share]) for i in tasks]

        optimizer.zero_grad()
        losses = update.backward(losses_of)
        optimizer.step()
    if group is None or group.rank() == 0:
        print(f"epoch {epoch + 1}: " + ", ".join(f"{loss:.4f}" for loss in losses.tolist()))

if group is not None:
    distributed.destroy_process_group()
