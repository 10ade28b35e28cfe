from pathlib import Path

import pytest

from tests.datasets.made_raw import prepared


@pytest.fixture(scope="module")
def arrays(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared arrays of the dataset that the test's file is named after."""
    name = request.module.__name__.rpartition("test_")[2]
    return prepared(name, tmp_path_factory.mktemp(name))
