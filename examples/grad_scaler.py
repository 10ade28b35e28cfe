"""SAMO with FairGrad under fp16 autocast and PyTorch's gradient scaler. Prints the losses as they fall."""

import torch
from torch import nn
from torch.nn import functional as F

from samo import MultiTaskUpdate, preset

torch.manual_seed(0)
device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
x = torch.randn(256, 10, device=device)
targets = {"sine": x[:, :1].sin(), "product": x[:, :1] * x[:, 1:2]}

trunk = nn.Sequential(nn.Linear(10, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()).to(device)
heads = nn.ModuleDict({task: nn.Linear(32, 1) for task in targets}).to(device)
optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], lr=1e-2)
update = MultiTaskUpdate(trunk, heads, aggregator="fairgrad", sharpness=preset("samo", rho=0.05))
scaler = torch.amp.GradScaler(device.type)

for epoch in range(10):
    for batch in torch.randperm(256, device=device).split(64):

        def losses_of(tasks, batch=batch):
            """The losses as they are: the update scales them itself, since FairGrad is not linear in a scale."""
            with torch.autocast(device.type, torch.float16):
                features = trunk(x[batch])
                outputs = {task: heads[task](features) for task in tasks}
            return {task: F.mse_loss(out.float(), targets[task][batch]) for task, out in outputs.items()}

        optimizer.zero_grad()
        losses = update.backward(losses_of, scaler=scaler)
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(trunk.parameters(), 1.0)
        scaler.step(optimizer)  # skipped where a gradient is not finite
        scaler.update()
    print(f"epoch {epoch + 1}: " + ", ".join(f"{loss:.4f}" for loss in losses.tolist()))
