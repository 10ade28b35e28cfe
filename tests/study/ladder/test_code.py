import ast
import shutil

import pytest

from samo.study.ladder.code import identity, meaning
from tests.study.made_study import ROOT

BEFORE = '''"""What it is."""

def double(x):
    """Twice x."""
    return 2 * x  # as said
'''


@pytest.mark.parametrize(
    ("after", "same"),
    [
        ('def double(x):\n    "Two times x."\n\n    return (2 * x)\n', True),
        ("def double(x):\n    return x * 2\n", False),
        ("def double(x, y=1):\n    return 2 * x\n", False),
    ],
)
def test_words_and_layout_do_not_count_and_what_it_does_does(after, same):
    assert (meaning(ast.parse(BEFORE)) == meaning(ast.parse(after))) == same


def test_the_code_behind_a_dataset_decides_and_no_other(tmp_path):
    source = shutil.copytree(ROOT / "src/samo", tmp_path / "samo")
    before = {name: identity(source, name) for name in ("multimnist", "multifashion")}
    assert before["multimnist"] != before["multifashion"]

    (source / "study" / "cli.py").write_text("")
    (source / "models" / "segnet.py").write_text("")
    (source / "datasets" / "multifashion.py").write_text("A = 1\n")
    assert identity(source, "multimnist") == before["multimnist"]
    assert identity(source, "multifashion") != before["multifashion"]

    path = source / "optim" / "step.py"
    path.write_text(path.read_text() + "\nB = 2\n")
    assert identity(source, "multimnist") != before["multimnist"]
