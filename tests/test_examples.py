"""The examples run as they are and learn."""

import runpy
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import TrainerCallback

FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_learns(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with torch.random.fork_rng():
        runpy.run_path(str(path), run_name="__main__")
    losses = [line.split(":")[1].split(",") for line in capsys.readouterr().out.splitlines()]
    assert sum(map(float, losses[-1])) < 0.7 * sum(map(float, losses[0]))


def test_lightning_resumes_the_update_too(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        made = runpy.run_path(str(FOLDER / "lightning_loop.py"))
        quiet = ("enable_checkpointing", "enable_progress_bar", "enable_model_summary", "logger")
        options: dict[str, Any] = {"accelerator": "cpu", **dict.fromkeys(quiet, False)}
        loader = DataLoader(made["data"], batch_size=64)
        first, again = (lightning.Trainer(max_epochs=n, **options) for n in (1, 2))
        first.fit(made["TwoTasks"](), loader)
        first.save_checkpoint(tmp_path / "kept.ckpt")
        module = made["TwoTasks"]()
        again.fit(module, loader, ckpt_path=tmp_path / "kept.ckpt", weights_only=False)
    assert module.update.state_dict()["steps"] == 2 * len(loader)


def test_micro_batches_of_the_trainer_are_averaged(tmp_path: Path) -> None:
    found: list[Tensor] = []

    class Ones:
        """An update whose gradients are ones."""

        def __init__(self, model: nn.Module) -> None:
            self.model = model

        def backward(self, closure: Any) -> Tensor:
            for p in self.model.parameters():
                p.grad = torch.ones_like(p) if p.grad is None else p.grad + 1
            return torch.ones(2)

    class Look(TrainerCallback):
        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            found.extend(p.grad.clone() for p in more["model"].parameters() if p.grad is not None)

    with torch.random.fork_rng():
        made = runpy.run_path(str(FOLDER / "trainer_loop.py"))
        model = made["TwoTasks"]()
        arguments = made["arguments"].set_training(batch_size=32, num_epochs=1, gradient_accumulation_steps=3)
        arguments.output_dir = str(tmp_path)
        trainer = made["MultiTaskTrainer"](model, arguments, train_dataset=made["examples"], callbacks=[Look()])
        trainer.update = Ones(model)
        trainer.train()
    assert found  # 8 batches in steps of 3, 3 and 2
    assert all(torch.allclose(grad, torch.ones_like(grad)) for grad in found)
