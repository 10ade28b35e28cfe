"""The small study of the cells' tests."""

from tests.study.conftest import empty_store as empty_store
from tests.study.conftest import study as study
