"""Which device each of a condition's processes takes, on machines with and without GPUs."""

import pytest
import torch

from samo.study import config
from samo.study.errors import ConfigError
from samo.study.runs import ranks
from tests.study.made_study import ROOT


@pytest.mark.parametrize(
    ("name", "gpus", "expected"),
    [
        ("auto", 2, ["cuda:0", "cuda:1"]),
        ("cuda", 4, ["cuda:0", "cuda:1"]),
        ("auto", 0, ["cpu", "cpu"]),
        ("cpu", 2, ["cpu", "cpu"]),
        ("cpu", 2, ["cpu"]),
        ("auto", 1, None),
        ("cuda", 1, None),
        ("cuda", 0, None),
    ],
)
def test_each_process_has_the_gpu_of_its_number_and_too_few_are_told(monkeypatch, name, gpus, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    processes = len(expected or (0, 1))
    profile = (ROOT / "profiles/smoke.yaml").read_text()
    train = config.parse(profile.replace("device: cpu", f"device: {name}\n  processes: {processes}")).train
    if expected is not None:
        assert [str(ranks.device(train, number)) for number in range(processes)] == expected
        return
    with pytest.raises(ConfigError, match=rf"params.yaml: train.processes = 2: .* has {gpus}; .*device: cpu"):
        ranks.device(train)
