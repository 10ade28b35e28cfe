"""One thread a test process: several run side by side, and results must not depend on how many."""

from pathlib import Path
from typing import Any

import pytest
import torch

torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with slow tests first: begun last, one process would end them while the other has nothing left."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def made_page(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A made project's report, and its page; nobody changes what they hold."""
    from tests.study.report import made_report  # not for the tests that need no report

    report = made_report.make(tmp_path_factory.mktemp("report"))
    return report, made_report.page(report)
