"""F-MTL with uncertainty weights beside a scheduler, clipping, bfloat16, a batch a task and a checkpoint."""

import io

import torch
from torch import nn
from torch.nn import functional as F

from samo import MultiTaskUpdate, preset

torch.manual_seed(0)
device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
inputs = [torch.randn(256, 10, device=device) for _ in range(3)]  # each task has examples of its own
targets = [inputs[0][:, :1].sin(), inputs[1][:, :1].cos(), inputs[2][:, :1].tanh()]

trunk = nn.Sequential(nn.Linear(10, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()).to(device)
heads = nn.ModuleList(nn.Linear(32, 1) for _ in range(3)).to(device)
update = MultiTaskUpdate(trunk, heads, aggregator="uw", sharpness=preset("fmtl", rho=0.05, every=2))
# update.parameters() are the weights that uw learns; most aggregators have none.
optimizer = torch.optim.AdamW([*trunk.parameters(), *heads.parameters(), *update.parameters()], lr=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
checkpoint = io.BytesIO()

for epoch in range(10):
    for batch in torch.randperm(256, device=device).split(64):

        def losses_of(tasks, batch=batch):
            """Only what is asked for is run; autocast is the closure's own affair."""
            losses = []
            for i in tasks:
                with torch.autocast(device.type, torch.bfloat16):
                    output = heads[i](trunk(inputs[i][batch]))
                losses.append(F.mse_loss(output.float(), targets[i][batch]))
            return losses

        optimizer.zero_grad()
        losses = update.backward(losses_of)
        nn.utils.clip_grad_norm_(trunk.parameters(), 1.0)
        optimizer.step()
        update.after_step(losses_of)  # famo looks at the batch again; the others do nothing
    scheduler.step()
    checkpoint.seek(0)
    torch.save({"update": update.state_dict(), "trunk": trunk.state_dict(), "heads": heads.state_dict()}, checkpoint)
    print(f"epoch {epoch + 1}: " + ", ".join(f"{loss:.4f}" for loss in losses.tolist()))
