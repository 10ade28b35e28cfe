"""NYUv2 and Cityscapes: what is common to both."""

from dataclasses import replace

import pytest
import torch

from samo import datasets
from samo.datasets.parts.sources import Given
from samo.models.segnet import WIDTHS
from samo.optim import sharpness
from samo.study import store
from samo.training.loop import Recipe, fit
from tests.datasets.dense.published_layout import write


@pytest.fixture(params=["nyuv2", "cityscapes"])
def module(request, monkeypatch):
    found = datasets.get(request.param)
    monkeypatch.setattr(found, "LAYOUT", replace(found.LAYOUT, images={"train": 8, "val": 4}))  # type: ignore[attr-defined]
    return found


def training(module, **changes):
    return module.Training.model_validate({"batch": 2, "epochs": 1, "search_epochs": 1, **changes})


@pytest.fixture
def prepared(module, tmp_path):
    raw, out = write(tmp_path / "raw", module.LAYOUT), tmp_path / "out"
    out.mkdir()
    data = module.Data(train=5, val=3, test=4, height=16, width=32)
    store.write_json(out / "datasheet.json", module.prepare(raw, out, data))
    return out


def test_its_folders_are_trained_on(module, prepared):
    problem = module.problem(prepared, training(module, widths=[4, 6]))
    recipe = Recipe("ls", sharpness.preset("samo", rho=0.01), lr=0.001, epochs=1, training=training(module), seed=0)
    rows = fit(problem, recipe, ("test",)).history
    found = [(r.task, r.metric) for r in rows if r.split == "test" and r.metric != "loss"]
    assert found == [(m.task, m.name) for m in problem.metrics]
    assert len(found) == {"nyuv2": 9, "cityscapes": 4}[module.__name__.split(".")[-1]]


def test_the_network_is_the_papers_by_default(module, prepared):
    widths = training(module).widths
    assert tuple(widths) == WIDTHS
    built = module.problem(prepared, training(module, widths=widths[:4])).network()
    outputs = [head(torch.zeros(1, 64, 2, 2)).shape[1] for head in built.heads]
    assert outputs == {"nyuv2": [13, 1, 3], "cityscapes": [7, 1]}[module.__name__.split(".")[-1]]


def test_a_set_that_is_not_whole_is_refused_with_what_is_missing(module, tmp_path):
    assert isinstance(module.RAW, Given)
    counts = {"nyuv2": (795, 654), "cityscapes": (2975, 500)}[module.__name__.split(".")[-1]]
    faults = module.RAW.check(write(tmp_path / "raw", module.LAYOUT))
    assert any(f"8 of {counts[0]} files" in fault for fault in faults)
    assert any(f"4 of {counts[1]} files" in fault for fault in faults)
