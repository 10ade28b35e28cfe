"""SAMO with FairGrad in Hugging Face's Trainer: its training step is the update's. Prints the losses as they fall."""

import tempfile

import torch
from torch import nn
from torch.nn import functional as F
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback

from samo import MultiTaskUpdate, preset


class TwoTasks(nn.Module):
    """A trunk and two heads."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(10, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.heads = nn.ModuleDict({"sine": nn.Linear(32, 1), "product": nn.Linear(32, 1)})


class MultiTaskTrainer(Trainer):
    """Fills the gradients by the update; optimiser, schedule, clipping and logging stay the Trainer's."""

    def training_step(self, model, inputs, num_items_in_batch=None):
        """Returns the mean loss, as the Trainer wants it."""
        model.train()
        inputs = self._prepare_inputs(inputs)
        if not hasattr(self, "update"):
            self.update = MultiTaskUpdate(
                model.trunk, model.heads, aggregator="fairgrad", sharpness=preset("samo", rho=0.05)
            )

        def losses_of(tasks):
            with self.compute_loss_context_manager():  # autocast, where it is asked for
                features = model.trunk(inputs["x"])
                return {task: F.mse_loss(model.heads[task](features), inputs[task]) for task in tasks}

        losses = self.update.backward(losses_of)
        if self.accelerator.sync_gradients:  # the last micro-batch of a step: gradients have added up
            for p in model.parameters():
                if p.grad is not None:
                    p.grad /= self.current_gradient_accumulation_steps
        return losses.mean() / self.current_gradient_accumulation_steps


class Losses(TrainerCallback):
    """Prints the tasks' losses after each epoch."""

    def on_epoch_end(self, args, state, control, **kwargs):
        """Those of the epoch's last step."""
        losses = trainer.update.last.losses.tolist()
        print(f"epoch {round(state.epoch)}: " + ", ".join(f"{loss:.4f}" for loss in losses))


set_seed(0)
x = torch.randn(256, 10)
examples = [{"x": row, "sine": row[:1].sin(), "product": row[:1] * row[1:2]} for row in x]
with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        folder,
        num_train_epochs=10,
        per_device_train_batch_size=64,
        learning_rate=1e-2,
        lr_scheduler_type="constant",
        max_grad_norm=0.0,
        remove_unused_columns=False,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = MultiTaskTrainer(TwoTasks(), arguments, train_dataset=examples, callbacks=[Losses()])
    trainer.remove_callback(PrinterCallback)
    trainer.train()
