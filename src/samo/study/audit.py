"""Known vulnerabilities of the pinned packages, as pip-audit finds them: the last step of `make check`.

A finding fails, unless pyproject.toml lists it under [tool.audit.exceptions] with a reason. Where no advisory service
answers, that is said in one line, and the check goes on: it must not need a network.
"""

import json
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from samo.study import paths

SECONDS = 300
AWAY = re.compile(r"requests\.exceptions|urllib3\.exceptions|ConnectionError|ServiceError|timed out", re.IGNORECASE)


def audit(root: Path) -> int:
    """Audit requirements.lock and print what was found; returns the exit code."""
    if find_spec("pip_audit") is None:
        print("audit: pip-audit is not installed: `make env` brings it")
        return 1
    command = [sys.executable, "-m", "pip_audit", "-r", str(root / "requirements.lock"), "--no-deps", "--disable-pip"]
    try:
        done = subprocess.run(
            [*command, "--progress-spinner", "off", "-f", "json"], capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        print(f"audit: not done, the advisory service gave no answer in {SECONDS} s")
        return 0
    try:
        report = json.loads(done.stdout)
    except ValueError:
        last = ([line for line in done.stderr.splitlines() if line.strip()] or ["no output"])[-1][:160]
        away = AWAY.search(last) is not None
        print(f"audit: not done, {'no answer from the advisory service' if away else 'pip-audit failed'}: {last}")
        return 0 if away else 1
    return judge(report["dependencies"], exceptions(root))


def exceptions(root: Path) -> dict[str, str]:
    """Advisory -> why it does not concern this project.

    Raises:
        ValueError: one without a reason.
    """
    found = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["audit"].get("exceptions", {})
    for advisory, reason in found.items():
        if not (isinstance(reason, str) and reason.strip()):
            raise ValueError(f"pyproject.toml: tool.audit.exceptions.{advisory} needs a reason, in words")
    return dict(found)


def judge(packages: list[dict[str, Any]], excused: dict[str, str]) -> int:
    """Print the verdict on what pip-audit says of each package; returns the exit code."""
    seen = [package for package in packages if "vulns" in package]
    if not seen:
        print("audit: not done, the package index at hand has no advisories on any package")
        return 0
    open_, used = 0, set()
    for package in seen:
        for finding in package["vulns"]:
            names = {finding["id"], *finding.get("aliases", [])}
            if names & set(excused):
                used |= names & set(excused)
                continue
            open_ += 1
            mended = ", ".join(finding.get("fix_versions", [])) or "no version"
            print(f"audit: {package['name']} {package['version']}: {finding['id']}, mended in {mended}")
    for advisory in sorted(set(excused) - used):
        print(f"audit: the exception {advisory} in pyproject.toml fits no finding any more: take it out")
    unknown = f"; nothing known of {len(packages) - len(seen)}" if len(seen) < len(packages) else ""
    print(f"audit: {open_} known vulnerabilities in {len(seen)} packages, {len(used)} excused{unknown}")
    return 1 if open_ else 0


if __name__ == "__main__":
    sys.exit(audit(paths.root()))
