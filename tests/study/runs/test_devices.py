"""Which device each of a condition's processes takes, on machines with and without GPUs."""

import pytest
import torch

from samo.study import config
from samo.study.errors import ConfigError
from samo.study.runs import ranks
from tests.study.made_study import ROOT

GOOD = (ROOT / "profiles/smoke.yaml").read_text()


def devices(monkeypatch, name: str, gpus: int, processes: int = 2) -> list[str]:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    train = config.parse(GOOD.replace("device: cpu", f"device: {name}\n  processes: {processes}")).train
    return [str(ranks.device(train, number)) for number in range(processes)]


@pytest.mark.parametrize(
    ("name", "gpus", "expected"),
    [
        ("auto", 2, ["cuda:0", "cuda:1"]),
        ("cuda", 4, ["cuda:0", "cuda:1"]),
        ("auto", 0, ["cpu", "cpu"]),
        ("cpu", 2, ["cpu", "cpu"]),
        ("cpu", 2, ["cpu"]),
    ],
)
def test_each_process_has_the_gpu_of_its_number(monkeypatch, name, gpus, expected):
    assert devices(monkeypatch, name, gpus, len(expected)) == expected


@pytest.mark.parametrize(("name", "gpus"), [("auto", 1), ("cuda", 1), ("cuda", 0)])
def test_too_few_gpus_are_told_before_anything_starts(monkeypatch, name, gpus):
    with pytest.raises(ConfigError, match=rf"params.yaml: train.processes = 2: .* has {gpus}; .*device: cpu"):
        devices(monkeypatch, name, gpus)
