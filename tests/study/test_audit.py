"""A finding fails the check, a missing network does not, and neither passes for the other."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from samo.study import audit

CLEAN = {"name": "numpy", "version": "2.4.6", "vulns": []}
SKIPPED = {"name": "scipy", "skip_reason": "Dependency not found on PyPI"}
FOUND = {
    "name": "jinja2",
    "version": "2.10",
    "vulns": [{"id": "PYSEC-2019-217", "aliases": ["CVE-2019-10906"], "fix_versions": ["2.10.1"], "description": "…"}],
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "requirements.lock").write_text("jinja2==2.10\n")
    return excusing(tmp_path, {})


def excusing(root: Path, excused: dict[str, str]) -> Path:
    lines = [f"{advisory} = {json.dumps(reason)}" for advisory, reason in excused.items()]
    (root / "pyproject.toml").write_text("\n".join(["[tool.audit.exceptions]", *lines]))
    return root


def says(monkeypatch: pytest.MonkeyPatch, *packages: Any, stdout: str | None = None, stderr: str = "") -> None:
    """Let pip-audit be installed and say this."""
    text = json.dumps({"dependencies": packages, "fixes": []}) if stdout is None else stdout
    monkeypatch.setattr(audit, "find_spec", lambda name: object())
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, text, stderr))


def test_a_finding_fails(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    says(monkeypatch, CLEAN, FOUND, SKIPPED)
    assert audit.audit(project) == 1
    assert capsys.readouterr().out.splitlines() == [
        "audit: jinja2 2.10: PYSEC-2019-217, mended in 2.10.1",
        "audit: 1 known vulnerabilities in 2 packages, 0 excused; nothing known of 1",
    ]


@pytest.mark.parametrize("advisory", ["PYSEC-2019-217", "CVE-2019-10906"])
def test_an_exception_with_a_reason_passes(
    advisory: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says(monkeypatch, FOUND)
    assert audit.audit(excusing(project, {advisory: "no template of strangers is rendered"})) == 0
    assert capsys.readouterr().out == "audit: 0 known vulnerabilities in 1 packages, 1 excused\n"


def test_an_exception_without_a_reason_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, FOUND)
    with pytest.raises(ValueError, match=r"exceptions.CVE-2019-10906 needs a reason"):
        audit.audit(excusing(project, {"CVE-2019-10906": " "}))


def test_an_exception_that_fits_nothing_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says(monkeypatch, CLEAN)
    assert audit.audit(excusing(project, {"CVE-1": "old"})) == 0
    assert "the exception CVE-1 in pyproject.toml fits no finding" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stdout", "stderr", "code", "heard"),
    [
        ("", "Traceback …\nrequests.exceptions.ProxyError: unreachable", 0, "no answer from the advisory service"),
        ("", "ERROR:pip_audit._cli:ServiceError: 503", 0, "no answer from the advisory service"),
        ("", "error: unrecognized arguments", 1, "pip-audit failed: error: unrecognized arguments"),
        (json.dumps({"dependencies": [SKIPPED]}), "", 0, "no advisories on any package"),
    ],
)
def test_without_a_service_one_line_says_so(
    stdout: str,
    stderr: str,
    code: int,
    heard: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    says(monkeypatch, stdout=stdout, stderr=stderr)
    assert audit.audit(project) == code
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("audit: not done, ")
    assert heard in line


def test_a_service_that_never_answers_is_given_up(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(command: list[str], timeout: float, **_: Any) -> Any:
        raise subprocess.TimeoutExpired(command, timeout)

    says(monkeypatch)
    monkeypatch.setattr(subprocess, "run", never)
    assert audit.audit(project) == 0
    assert "no answer in 300 s" in capsys.readouterr().out


def test_a_missing_tool_is_no_clean_bill(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "find_spec", lambda name: None)
    assert audit.audit(project) == 1
    assert "make env" in capsys.readouterr().out


def test_the_projects_own_exceptions_have_reasons() -> None:
    audit.exceptions(Path(__file__).parents[2])
