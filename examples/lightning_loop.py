"""SAMO with FairGrad in Lightning: manual optimisation, bf16-mixed. Prints the losses as they fall."""

import logging
import warnings

import lightning
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from samo import MultiTaskUpdate, preset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="lightning")


class TwoTasks(lightning.LightningModule):
    """Two regressions on one trunk."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False  # the update makes the backward passes itself
        self.trunk = nn.Sequential(nn.Linear(10, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.heads = nn.ModuleList([nn.Linear(32, 1), nn.Linear(32, 1)])
        self.kept = None

    def configure_optimizers(self):
        """Called once the weights are on their device."""
        self.update = MultiTaskUpdate(self.trunk, self.heads, aggregator="fairgrad", sharpness=preset("samo", rho=0.05))
        if self.kept is not None:
            self.update.load_state_dict(self.kept)
            self.kept = None
        return torch.optim.Adam(self.parameters(), lr=1e-2)

    def training_step(self, batch):
        """Lightning opens autocast around it; the update passes it on to the closure alone."""
        x, *targets = batch

        def losses_of(tasks):
            features = self.trunk(x)
            return [F.mse_loss(self.heads[i](features).float(), targets[i]) for i in tasks]

        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.losses = self.update.backward(losses_of)
        optimizer.step()

    def on_save_checkpoint(self, checkpoint):
        """Beside the weights and the optimiser's state."""
        checkpoint["update"] = self.update.state_dict()

    def on_load_checkpoint(self, checkpoint):
        """Lightning calls this before `configure_optimizers`, which makes the update."""
        self.kept = checkpoint["update"]

    def on_train_epoch_end(self):
        """The losses of the last step."""
        print(f"epoch {self.current_epoch + 1}: " + ", ".join(f"{loss:.4f}" for loss in self.losses.tolist()))


lightning.seed_everything(0, verbose=False)
x = torch.randn(256, 10)
data = TensorDataset(x, x[:, :1].sin(), x[:, :1] * x[:, 1:2])
trainer = lightning.Trainer(
    accelerator="cpu",
    precision="bf16-mixed",
    max_epochs=10,
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(TwoTasks(), DataLoader(data, batch_size=64, shuffle=True))
