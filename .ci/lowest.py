"""The README's example on the wheel, with core dependencies alone at their lowest versions: `make test-lowest`."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
import environment  # noqa: E402  (a script of the root folder, no package)

# What the example takes as given: two regressions on one trunk.
GIVEN = """
import torch
torch.manual_seed(0)
inputs = torch.randn(64, 10)
both = [inputs[:, :1].sin(), inputs[:, :1] * inputs[:, 1:2]]
trunk = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.ReLU())
heads = torch.nn.ModuleList([torch.nn.Linear(32, 1), torch.nn.Linear(32, 1)])
optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], lr=1e-2)
loader = [(inputs[b], [target[b] for target in both]) for b in torch.arange(64).split(16)] * 10
criterion = torch.nn.functional.mse_loss
whole = lambda: sum(criterion(head(trunk(inputs)), target).item() for head, target in zip(heads, both))
before = whole()
"""
AFTER = """
after = whole()
assert after < before, (before, after)
print(f"the README's example: losses {before:.3f} before, {after:.3f} after")
"""


def main() -> None:
    example = re.search(r"```python\n(import samo\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    if example is None:
        sys.exit("README.md: no example that begins with `import samo`")
    uv, env = str(Path(sys.executable).with_name("uv")), environment.indexes(sys.executable)
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        subprocess.run([uv, "build", "-q", "--wheel", "-o", folder, str(ROOT)], env=env, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(venv)], env=env, check=True)
        python = str(venv / "bin/python")
        install = [uv, "pip", "install", "-q", "--python", python]
        lowest = [*install, "--resolution", "lowest-direct", "-r", str(ROOT / "pyproject.toml")]
        cpu = [["--torch-backend", "cpu"]] if environment.cpu_only() else []
        for more in [*cpu, []]:  # the build with CUDA where no other can be had
            if (
                subprocess.run(
                    [*lowest, *more], env=env, cwd=folder, stderr=None if not more else subprocess.DEVNULL
                ).returncode
                == 0
            ):
                break
        else:
            sys.exit("the lowest versions could not be installed")
        subprocess.run([*install, "--no-deps", str(wheel)], env=env, check=True)
        subprocess.run([uv, "pip", "list", "--python", python], env=env, check=True)
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run([python, "-c", GIVEN + example.group(1) + AFTER], env=clean, cwd=folder, check=True)


if __name__ == "__main__":
    main()
