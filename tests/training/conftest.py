import pytest

from samo.training.problem import Problem
from tests.training import learnable


@pytest.fixture
def problem() -> Problem:
    return learnable.problem()
