"""The log: silent in an ordinary run, JSON with shard and key where it is asked for, and never a secret."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.record import log
from schemas.errors import BadInput
from schemas.mask import masked

ROOT = Path(__file__).resolve().parent.parent
CAPTION = "a zebra nobody else may read of"

DYING = """
import os, signal, sys
from contextlib import contextmanager
from msgspec import Struct
from annotators.annotator import Annotator, Subject
from pipelines.record import log
from pipelines.guard.guard import Guard
from pipelines.guard.talk import Request
from pipelines.engines.local import Local
from schemas.note import Noted
from schemas.sample import Sample, Source, Text

class Dies(Annotator, frozen=True):
    def look(self, subject: Subject) -> Noted:
        if subject.sample.source.row == "bad":
            os.kill(os.getpid(), signal.SIGKILL)
        return Noted()

class Once(Struct, frozen=True):
    @contextmanager
    def open(self):
        yield self.do

    def do(self, shard):
        if shard == "000001" and not os.path.exists("died"):
            open("died", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return shard

def request(row, key):
    return Request(Sample(key, (Text("words", "caption"),), Source("d", row)), "", (), {})

def main():
    import dying

    log.to_standard_error()
    if sys.argv[1] == "worker":
        print(sorted(shard for shard, _ in Local(2).map(dying.Once(), ["000000", "000001", "000002"])))
    else:
        with Guard(dying.Dies()) as guard:
            print([type(one).__name__ for one in guard.look([request("good", "a" * 32), request("bad", "b" * 32)])])

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Log into memory at the level info, and return what was written."""
    logger = logging.getLogger("ostraka")
    handlers, level, stream = logger.handlers, logger.level, io.StringIO()
    monkeypatch.setenv(log.LEVEL, "")
    log.to_standard_error("info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.handlers, logger.level = handlers, level
    logger.setLevel(level)


@pytest.fixture
def source(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    """Three captioned pictures and a row that can be no sample."""
    (tmp_path / "in").mkdir()
    for n in range(3):
        (tmp_path / "in" / f"{n}.jpg").write_bytes(picture(n))
        (tmp_path / "in" / f"{n}.txt").write_text(f"{CAPTION} {n}")
    (tmp_path / "in" / "3.jpg").write_bytes(b"")
    return tmp_path / "in"


def ostraka(source: Path, *arguments: str, level: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "ingest", source, "--shelf", source.parent / "s", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), log.LEVEL: level},
        cwd=source.parent,
    )


def events(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


def test_an_ordinary_run_says_nothing_on_standard_error(source: Path) -> None:
    done = ostraka(source)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "level"), [(["--log", "info"], ""), ([], "info"), (["--log", "info"], "warning")]
)
def test_a_log_that_is_asked_for_carries_shard_and_key(source: Path, arguments: list[str], level: str) -> None:
    done = ostraka(source, "--workers", "2", "--shard-rows", "2", *arguments, level=level)
    assert done.returncode == 0, done.stderr
    told = events(done.stderr)
    assert (told[0]["event"], told[-1]["event"]) == ("run_began", "run_ended")
    assert sorted((one["shard"], one["rows"]) for one in told if one["event"] == "ingested") == [
        ("000000", 2),
        ("000001", 2),
    ]
    [failed] = [one for one in told if one["event"] == "failed"]
    [record] = [json.loads(path.read_text()) for path in source.parent.glob("s/runs/*/failures.jsonl")]
    assert {name: failed[name] for name in record} == record
    assert all({"time", "level", "event"} <= one.keys() for one in told)


def test_a_samples_text_is_in_no_log(source: Path) -> None:
    done = ostraka(source, "--log", "debug")
    assert "ingested" in done.stderr and CAPTION not in done.stderr


def test_a_level_that_is_none_is_refused(source: Path) -> None:
    done = ostraka(source, level="loud")
    assert done.returncode == 2
    assert "OSTRAKA_LOG: 'loud' is no level of the log; give one of debug, info, warning" in done.stderr


def dying(tmp_path: Path, what: str, level: str) -> tuple[str, list[dict[str, Any]]]:
    (tmp_path / "dying.py").write_text(DYING)
    done = subprocess.run(
        [sys.executable, "dying.py", what],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", log.LEVEL: level},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), events(done.stderr)


def test_a_worker_that_dies_is_a_warning_with_its_shard(tmp_path: Path) -> None:
    said, told = dying(tmp_path, "worker", "warning")
    assert said == "['000000', '000001', '000002']"
    mine = [one for one in told if one["shard"] == "000001"]
    assert [(one["event"], one["level"], one["attempt"]) for one in mine] == [("worker_died", "warning", 1)]


def test_a_guards_child_that_is_lost_is_told_with_the_key(tmp_path: Path) -> None:
    said, told = dying(tmp_path, "guard", "info")
    assert said == "['Noted', 'Failed']"
    assert [(one["event"], one.get("key", "")) for one in told] == [
        ("opened", ""),
        ("child_lost", "b" * 32),
        ("opened", ""),
        ("child_lost", "b" * 32),
    ]
    assert all(one["annotator"] == "dies" for one in told)
    assert len({one["process"] for one in told if one["event"] == "opened"}) == 2
    assert dying(tmp_path, "guard", "warning") == (said, [])


def test_an_event_is_one_line_whatever_it_says(lines: Callable[[], list[dict[str, Any]]]) -> None:
    log.event("failed", shard="000001", key="f" * 32, detail='a\nb\x1b[2J"c"', count=3)
    log.event("quiet", level="debug")
    log.event("bare", level="warning")
    logging.getLogger("ostraka.mine").warning("said %s", "so")
    told = [{name: value for name, value in one.items() if name != "time"} for one in lines()]
    assert told == [
        {
            "level": "info",
            "event": "failed",
            "shard": "000001",
            "key": "f" * 32,
            "detail": 'a\nb\x1b[2J"c"',
            "count": 3,
        },
        {"level": "warning", "event": "bare"},
        {"level": "warning", "event": "said so"},
    ]


def test_a_log_masks_what_opens_a_door(lines: Callable[[], list[dict[str, Any]]]) -> None:
    log.event("failed", detail="s3://KEY:SECRET@host/b?sig=SIGNED")
    assert lines()[0]["detail"] == "s3://***@host/b?sig=***"


def test_a_level_is_inherited(monkeypatch: pytest.MonkeyPatch, lines: Callable[[], list[dict[str, Any]]]) -> None:
    assert (os.environ[log.LEVEL], log.level()) == ("info", "info")
    with pytest.raises(BadInput, match="no level"):
        log.to_standard_error("loud")


secret = st.text(st.sampled_from("abcXYZ019-._~!$'()*+,=%:@"), min_size=1, max_size=12).map("SECRET".__add__)


@given(
    st.sampled_from(["https", "HTTP", "s3", "ftp", "simplecache::https"]),
    st.text("abc", max_size=3),
    secret,
    st.sampled_from(["", "{}", "see {}, it is gone", '["{}"]']),
)
def test_no_password_is_said(scheme: str, user: str, password: str, around: str) -> None:
    said = masked((around or "{}").format(f"{scheme}://{user}:{password}@example.org:8080/a/b.tar"))
    assert "SECRET" not in said and "://***@example.org:8080/a/b.tar" in said


@pytest.mark.parametrize(
    "address", ["https://{}@example.org/x", "HTTP://{}@example.org", "see https://{}@h:80/y, gone"]
)
def test_no_token_in_a_users_place_is_said(address: str) -> None:
    assert masked(address.format("ghp_TOKEN")) == address.format("***")


SIGNING = (
    "X-Amz-Signature",
    "x-goog-signature",
    "sig",
    "access_token",
    "api_key",
    "X-Amz-Credential",
    "PASSWORD",
    "auth",
)


@given(
    st.sampled_from(SIGNING),
    st.text(st.sampled_from("abcXYZ019-._~%+/="), min_size=1, max_size=12).map("SECRET".__add__),
    st.sampled_from(["?", "?page=2&", "#", "?a=b;"]),
)
def test_no_signature_is_said(name: str, value: str, before: str) -> None:
    said = masked(f"cannot read https://example.org/x.tar{before}{name}={value}&part=2 (403)")
    assert said == f"cannot read https://example.org/x.tar{before}{name}=***&part=2 (403)"


@pytest.mark.parametrize(
    "harmless",
    [
        "https://example.org/a/b.tar?versionId=3&page=2",
        "hf://datasets/org/name@main/train.parquet",
        "abfs://container@account.dfs.core.windows.net/a.tar",
        "s3://bucket/a@b/c:d.tar",
        "write to ann@example.org: a token=3 is no parameter",
        "http://localhost:9000/a?b",
        "memory://x",
    ],
)
def test_an_address_without_secrets_is_said_as_it_is(harmless: str) -> None:
    assert masked(harmless) == harmless


@pytest.mark.parametrize(
    "hostile", ["?" + "key" * 300_000, "://a:" * 200_000, "?" * 900_000, "http://" + "@" * 900_000]
)
def test_a_hostile_text_is_masked_without_ado(hostile: str) -> None:
    assert len(masked(hostile + "=")) <= len(hostile) + 1
