"""A shelf on S3 is read and written in place: the bytes of a shelf on a disk, and a failing store is no sample's fault.

The store is moto's, on loopback.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from annotators.desk.choices import Choices
from annotators.desk.item import Item
from annotators.desk.ledger import open_ledger
from annotators.desk.rules import Layer, Rules
from annotators.desk.submission import Submission
from annotators.header import Header
from filters.exact import ExactDedup
from filters.image import MinSide
from pipelines import cli
from pipelines.compact import compact
from pipelines.desk.collect import collect
from pipelines.engines.asked import Asked, engine_of
from pipelines.engines.engine import Engine
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.export.verify import verify
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.ingest.source import Options
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.notes import Notes, read_pieces
from pipelines.shelf.shelf import Shelf
from pipelines.store import on_s3
from pipelines.store.address import file_system
from schemas.errors import BadInput, Unavailable, Unreachable
from schemas.note import Failed, Note
from schemas.publish import publish, put

spec = importlib.util.spec_from_file_location("s3_server", Path(__file__).parent / "s3_server.py")
assert spec and spec.loader
s3_server = importlib.util.module_from_spec(spec)
sys.modules["s3_server"] = s3_server
spec.loader.exec_module(s3_server)

ROOT = Path(__file__).resolve().parent.parent
SECRET = "a-secret-that-stays-here"
RECIPE = Recipe("small", Annotate(Header()), Keep(MinSide(px=40)), Keep(ExactDedup()))
FOUR = Cut(rows=4)
VERBS = click.Group(commands={verb.name: verb for verb in cli.VERBS if verb.name})

Tree = dict[str, str]


@pytest.fixture(scope="module")
def environment() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def server(environment: pytest.MonkeyPatch) -> Iterator[Any]:
    served = s3_server.S3Server()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        environment.delenv(name)
    given = {
        "ENDPOINT_URL": served.url,
        "ACCESS_KEY_ID": "somebody",
        "SECRET_ACCESS_KEY": SECRET,
        "DEFAULT_REGION": "us-east-1",
    }
    for name, value in {**given, "EC2_METADATA_DISABLED": "true", "MAX_ATTEMPTS": "2"}.items():
        environment.setenv(f"AWS_{name}", value)
    environment.setenv("PYTHONPATH", str(ROOT))
    on_s3.S3.clear_instance_cache()
    yield served
    served.stop()


@pytest.fixture
def bucket(server: Any) -> Iterator[str]:
    """A bucket of its own, by its URL; the store is well again afterwards."""
    name = f"test-{uuid4().hex[:12]}"
    boto3.client("s3", endpoint_url=server.url, aws_access_key_id="x", aws_secret_access_key="x").create_bucket(
        Bucket=name
    )
    server.calm()
    yield f"s3://{name}"
    server.calm()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> Path:
    """Twelve captioned pictures: a copy, a small one, one cut off, one whose text is not UTF-8."""
    folder = tmp_path_factory.mktemp("source") / "boats"
    folder.mkdir()
    for n in range(12):
        data = picture(n - 1 if n == 5 else n, (32, 32) if n == 7 else (96, 64))
        (folder / f"{n:02d}.jpg").write_bytes(b"" if n == 9 else data)
        (folder / f"{n:02d}.txt").write_bytes(
            b"\xff\xfe" if n == 10 else b"The small boat rests on a quiet lake. %d" % n
        )
    return folder


def tree(url: str) -> Tree:
    """Return the SHA-256 of all that is on a shelf but `runs/`."""
    fs, root = file_system(url)
    paths = {path[len(root) + 1 :]: path for path in fs.find(root)}
    return {
        name: hashlib.sha256(fs.cat_file(path)).hexdigest()
        for name, path in paths.items()
        if not name.startswith(("runs/", "shelf.duckdb"))
    }


def curate(url: str, source: str, engine: Engine = Local(1)) -> Tree:
    shelf = Shelf(url)
    ingest(shelf, source, engine, cut=FOUR, max_failed=1.0)
    run(shelf, RECIPE, engine, RunOptions(block=2))
    export(shelf, "out", "", engine, ExportOptions(splits={"val": 0.3}))
    return tree(url)


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Tree:
    return curate(str(tmp_path_factory.mktemp("disk") / "shelf"), str(source))


@pytest.mark.parametrize(("engine", "workers"), [("local", 1), ("local", 2), ("ray", 2), ("beam", 2)])
def test_every_engine_writes_on_s3_what_stands_on_a_disk(
    bucket: str, source: Path, on_disk: Tree, engine: str, workers: int
) -> None:
    if engine != "local":
        pytest.importorskip({"ray": "ray", "beam": "apache_beam"}[engine])
    url = f"{bucket}/deep/shelf"
    assert curate(url, str(source), engine_of(Asked(engine, workers))) == on_disk
    assert verify(f"{url}/exports/out").samples == 8
    assert len([name for name in on_disk if name.startswith("notes/")]) == 6
    assert not any(name.startswith("scratch/") for name in on_disk)
    fs, root = file_system(url)
    assert not [path for path in fs.find(root) if SECRET.encode() in fs.cat_file(path)]


def command(*arguments: str) -> str:
    ran = CliRunner().invoke(VERBS, list(arguments), catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_every_verb_answers_on_s3_as_on_a_disk(bucket: str, source: Path, tmp_path: Path) -> None:
    told: dict[str, list[str]] = {}
    for where in (str(tmp_path / "disk" / "shelf"), f"{bucket}/shelf"):
        here, page = ("--shelf", where), tmp_path / "page.html"
        said = [command("ingest", str(source), *here, "--max-failed", "1", "--shard-rows", "4")]
        said += [command("run", "caption-light", *here, "--with", "balance=3") for _ in range(2)]
        assert "nothing changed" in said[-1]
        said.append(command("funnel", *here))
        keys = command("sql", "select key from samples order by key", *here, "--format", "csv").split()[1:]
        said.append(command("export", "out", *here))
        said += [command("why", key, *here) for key in (keys[0], "boats/05.jpg", "boats/09.jpg")]
        said += [command("what-if", "min_side.px = 80", *here, *how) for how in ((), ("--quick",), ("--notes-alone",))]
        for query in (
            "select outcome, count(*) from verdicts group by all order by all",
            "select name, count(*), max(number) from notes group by all order by all",
            "select width_px, count(*) from notes_header group by all order by all",
            "select verb, status from runs",
            "select name, samples from exports",
        ):
            said.append(command("sql", query, *here))
        said.append(command("show", keys[0], *here, "--to", str(tmp_path / "shown")))
        said.append(command("verify", f"{where}/exports/out"))
        said.append(command("compact", *here))
        command("browse", *here, "--to", str(page), "--pictures", "2")
        said.append(page.read_text().replace(where, "SHELF"))
        said.append(str(re.findall("[a-z_]{3,}", command("runs", *here).replace(where, ""))))
        command("sql", "--database", *here)
        assert Shelf(where).fs.isfile(Shelf(where).path("shelf.duckdb"))
        told[where] = [one.replace(where, "SHELF") for one in said]
    disk, s3 = told.values()
    for one, other in zip(disk, s3, strict=True):
        assert one == other


def test_what_lies_on_s3_comes_in_as_from_a_disk(bucket: str, source: Path, tmp_path: Path) -> None:
    tars, rows = tmp_path / "tars", tmp_path / "parquet"
    tars.mkdir(), rows.mkdir()
    pictures = sorted(source.glob("*.jpg"))[:6]
    with tarfile.open(tars / "a.tar", "w") as tar:
        for path in sorted(source.glob("0[0-5].*")):
            tar.add(path, path.name)
    image = pa.array([{"bytes": path.read_bytes(), "path": path.name} for path in pictures])
    pq.write_table(pa.table({"image": image, "caption": [path.name for path in pictures]}), rows / "train.parquet")
    (tmp_path / "list").mkdir()
    shutil.copytree(source, tmp_path / "list" / "boats")
    lines = "".join(f'{{"image": "boats/{path.name}", "caption": "boat"}}\n' for path in pictures)
    (tmp_path / "list" / "metadata.jsonl").write_text(lines)
    fs, root = file_system(bucket)
    fs.put(str(tmp_path), f"{root}/from", recursive=True)
    fs.put(str(source), f"{root}/from/boats", recursive=True)
    kinds = {"boats": source, "tars": tars, "parquet": rows, "list": tmp_path / "list"}
    for name, folder in kinds.items():
        shelves = [Shelf(str(tmp_path / f"{name}-{n}")) for n in range(2)]
        for shelf, url in zip(shelves, (str(folder), f"{bucket}/from/{name}"), strict=True):
            done = ingest(shelf, url, Local(1), dataset=name, max_failed=1.0)
            assert done.new == (12 if name == "boats" else 6)
        trees = [{path: digest for path, digest in tree(shelf.url).items() if path[:4] in ("medi", "cata", "keys")}
                 for shelf in shelves]  # fmt: skip
        assert trees[0] == trees[1] and len(trees[0]) == 3
    shelf = Shelf(f"{bucket}/referring")
    ingest(shelf, f"{bucket}/from/tars", Local(1), Options(by_reference=True))
    run(shelf, RECIPE, Local(1))
    assert export(shelf, "out", "", Local(1), ExportOptions()).exported == 5
    assert not shelf.names("media", ".tar")
    for back in ("out", "out/train"):
        assert ingest(Shelf(str(tmp_path / "back" / back)), f"{bucket}/referring/exports/{back}", Local(1)).new == 5


def test_a_name_is_taken_once_and_of_many_writers_one_is_told_so(bucket: str) -> None:
    fs, root = file_system(bucket)
    done, path = list[bool](), f"{root}/plan/000000.parquet"
    writers = [
        threading.Thread(target=lambda n=n: done.append(put(fs, path, b"%d" % n, exclusive=True))) for n in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(done) == [False] * 7 + [True]
    assert put(fs, path, b"over") and fs.cat_file(path) == b"over"


BIG = """
import sys
from pipelines.store.address import file_system
from schemas.publish import publish
fs, path = file_system(sys.argv[1])
publish(fs, path, lambda file: [file.write(bytes(1 << 20)) for _ in range(101)])
"""


def test_a_large_file_of_which_the_writer_dies_or_a_part_is_refused_is_not_there(bucket: str, server: Any) -> None:
    """It goes up in parts: the writer is killed at the last word, or one of its parts is refused."""
    url = f"{bucket}/media/000000.tar"
    writer = subprocess.Popen([sys.executable, "-c", BIG, url], cwd=ROOT)

    def kill_at_the_end(asked: Any) -> None:
        if (
            asked.method == "PART"
            and asked.headers["REQUEST_METHOD"] == "POST"
            and "uploadId" in asked.headers["QUERY_STRING"]
        ):
            writer.kill()
            raise ConnectionAbortedError

    server.before = kill_at_the_end
    assert writer.wait(300) == -signal.SIGKILL
    fs, path = file_system(url)
    once = iter([("403 No", "AccessDenied")])
    server.before = lambda asked: next(once, None) if "partNumber=2" in asked.headers["QUERY_STRING"] else None
    with pytest.raises(Unreachable, match="access is denied"):
        publish(fs, path, lambda file: [file.write(bytes(1 << 20)) for _ in range(101)])
    server.calm()
    assert not fs.exists(path) and not fs.find(path.rsplit("/", 1)[0])
    publish(fs, path, lambda file: [file.write(bytes(1 << 20)) for _ in range(101)])
    assert fs.info(path)["size"] == 101 << 20 and server.counts()["PART"] >= 4


JOB = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path("tests").resolve()))
import test_s3
test_s3.curate(sys.argv[1], sys.argv[2], test_s3.Local(int(sys.argv[3])))
"""


@pytest.mark.parametrize(
    ("kind", "number", "stored", "workers"),
    [("media", 2, False, 1), ("notes", 3, True, 1), ("scratch", 2, True, 2), ("exports", 3, True, 1)],
)
def test_a_driver_that_is_killed_at_a_write_leaves_nothing_torn_and_the_same_command_ends_alike(
    bucket: str, server: Any, source: Path, on_disk: Tree, kind: str, number: int, stored: bool, workers: int
) -> None:
    url = f"{bucket}/shelf"
    job = subprocess.Popen(
        [sys.executable, "-c", JOB, url, str(source), str(workers)], cwd=ROOT, start_new_session=True
    )
    seen = list[str]()

    def kill(asked: Any) -> bool:
        if asked.method == "PUT" and f"/{kind}/" in asked.path:
            seen.append(asked.path)
        if len(seen) == number and job.returncode is None:
            os.killpg(job.pid, signal.SIGKILL)
            return True
        return False

    if stored:
        server.after = lambda asked, body: b"" if kill(asked) else body
    else:
        server.before = lambda asked: ("500 Dead", "Dead") if kill(asked) else None
    assert job.wait(300) == -signal.SIGKILL
    server.calm()
    left = {name: digest for name, digest in tree(url).items() if name in on_disk}
    whole = {name: on_disk[name] for name in left if not name.startswith("verdicts/")}
    assert left and {name: left[name] for name in whole} == whole, "what is there is whole"
    assert curate(url, str(source)) == on_disk


REFUSED = {
    "ExpiredToken": ("400 Bad Request", "the credentials have expired; log in again"),
    "InvalidAccessKeyId": ("403 Forbidden", "the store does not know this access key"),
    "SignatureDoesNotMatch": ("403 Forbidden", "the secret key is not that of the access key"),
    "AccessDenied": ("403 Forbidden", "access is denied"),
    "AuthorizationHeaderMalformed": ("400 Bad Request", "the bucket is in another region; set AWS_DEFAULT_REGION"),
    "NotImplemented": ("501 No", "the store fails (NotImplemented"),
}


@pytest.mark.parametrize("code", REFUSED)
@pytest.mark.parametrize("first", ["GET", "HEAD", "LIST", "PUT"])
def test_what_the_store_refuses_is_said_in_one_line(bucket: str, server: Any, code: str, first: str) -> None:
    """A HEAD is refused without a word: what it was is asked once more."""
    fs, root = file_system(bucket)
    put(fs, f"{root}/a", b"some")
    ask = {"GET": fs.cat_file, "HEAD": fs.exists, "LIST": fs.ls, "PUT": lambda path: put(fs, path, b"more")}[first]
    server.before = lambda asked: (REFUSED[code][0], code)
    with pytest.raises(Unreachable) as told:
        ask(f"{root}/a")
    said = str(told.value)
    assert said.startswith(f"{bucket}/a") and "\n" not in said
    assert REFUSED[code][1] in said or (first == "HEAD" and "the store fails" in said)


def test_who_is_not_let_in_reads_why_and_how(
    bucket: str, server: Any, source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    told = {
        "there is no such bucket; make it, or mend the address": ("s3://not-a-bucket/shelf", {}),
        "no credentials": (f"{bucket}/shelf", {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}),
        "no credentials (The config profile (nobody)": (f"{bucket}/shelf", {"AWS_PROFILE": "nobody"}),
        "the store does not answer": (f"{bucket}/shelf", {"AWS_ENDPOINT_URL": nobody}),
        "no address of a store": (f"{bucket}/shelf", {"AWS_ENDPOINT_URL": "nowhere"}),
        "an address holds no credentials": (f"s3://KEY:{SECRET}@bucket/shelf", {}),
        "names a bucket": ("s3://", {}),
        "no bucket's name": ("s3://a b/shelf", {}),
    }
    for expected, (url, changed) in told.items():
        for words in (
            ("funnel", "--shelf", url),
            ("ingest", str(source), "--shelf", url),
            ("ingest", url, "--shelf", str(tmp_path)),
        ):
            with monkeypatch.context() as patch:
                patch.setenv("HOME", str(tmp_path))
                for name, value in changed.items():
                    patch.setenv(name, value) if value else patch.delenv(name)
                on_s3.S3.clear_instance_cache()
                with pytest.raises((BadInput, Unreachable)) as error:
                    CliRunner().invoke(VERBS, words, catch_exceptions=False)
            said = str(error.value)
            assert expected in said and "\n" not in said and SECRET not in said, said
    on_s3.S3.clear_instance_cache()


def test_without_the_extra_its_name_is_said(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "s3fs").mkdir()
    (tmp_path / "s3fs" / "__init__.py").write_text("raise ImportError('no s3fs')")
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    ran = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "funnel", "--shelf", f"{bucket}/shelf"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1 and "pip install 'ostraka[s3]'" in ran.stderr


@pytest.mark.parametrize("what", ["expired", "cut off"])
def test_a_store_that_fails_stops_a_run_and_is_no_samples_fault(
    bucket: str, server: Any, source: Path, on_disk: Tree, what: str
) -> None:
    url = f"{bucket}/shelf"
    shelf = Shelf(url)
    ingest(shelf, str(source), Local(1), cut=FOUR, max_failed=1.0)

    def media(asked: Any) -> bool:
        return asked.method == "GET" and "/media/000001" in asked.path

    if what == "expired":
        server.before = lambda asked: ("400 Bad Request", "ExpiredToken") if media(asked) else None
    else:
        server.after = lambda asked, body: body[: len(body) // 2] if media(asked) else body
    with pytest.raises(Exception) as error:
        run(shelf, RECIPE, Local(1), RunOptions(block=2))
    said = str(error.value)
    expected = (
        "the credentials have expired" if what == "expired" else f"its bytes stopped coming {on_s3.ATTEMPTS} times"
    )
    assert expected in said and "\n" not in said and f"{url}/media/000001.tar" in said
    server.calm()
    pieces = [piece for shard in shelf.shards() for _, piece in read_pieces(shelf, RECIPE.ids[0], shard)]
    assert not [reason for piece in pieces for reason in piece["failed"].to_pylist() if reason]
    assert curate(url, str(source)) == on_disk


@pytest.mark.parametrize("words", [("sql", "select count(*) from samples"), ("funnel",), ("show", "boats/01.jpg")])
def test_a_store_that_fails_a_query_is_told_in_its_own_words(
    bucket: str, server: Any, source: Path, words: tuple[str, ...]
) -> None:
    """DuckDB asks the file system, and hands on what it says as the text of a traceback."""
    shelf = Shelf(f"{bucket}/shelf")
    ingest(shelf, str(source), Local(1), max_failed=1.0)
    run(shelf, Recipe("nothing"), Local(1))
    server.before = lambda asked: ("400 Bad Request", "ExpiredToken") if asked.path.endswith(".parquet") else None
    with pytest.raises(Unavailable) as error:
        command(*words, "--shelf", shelf.url)
    said = str(error.value)
    assert said.startswith(bucket) and "the credentials have expired; log in again" in said and "\n" not in said


def test_a_body_that_stops_early_twice_is_read_all_the_same(bucket: str, server: Any) -> None:
    fs, root = file_system(bucket)
    data = os.urandom(300_000)
    put(fs, f"{root}/a", data)
    for read in (fs.cat_file, lambda path: fs.open(path).read()):
        server.asked.clear()
        server.after = lambda asked, body: body[:1000] if server.counts()["GET"] < on_s3.ATTEMPTS else body
        assert read(f"{root}/a") == data
        assert server.counts()["GET"] == on_s3.ATTEMPTS


def test_compaction_that_another_one_overtakes_loses_no_notes(bucket: str, server: Any, source: Path) -> None:
    shelf = Shelf(f"{bucket}/shelf")
    ingest(shelf, str(source), Local(1), max_failed=1.0)

    def notes() -> Notes:
        return Notes(shelf, Header(), "header@x", "000000", 12)

    for row in range(2):
        notes().add({row: Failed("resource")})
    overtaken = threading.Event()

    def overtake(asked: Any) -> None:
        if asked.method == "PUT" and asked.path.endswith("-0000.parquet") and not overtaken.is_set():
            overtaken.set()
            notes().add({2: Failed("resource")})
            compact(shelf, Local(1))

    server.before = overtake
    compact(shelf, Local(1))
    assert overtaken.is_set()
    assert np.flatnonzero(notes().failed).tolist() == [0, 1, 2]
    assert shelf.names("notes/header@x", ".parquet") == ["000000-0000"]


def test_a_shard_costs_few_requests_and_one_that_is_done_none(bucket: str, server: Any, source: Path) -> None:
    costs: dict[str, dict[int, Any]] = {}
    for shards in (1, 3):
        shelf = Shelf(f"{bucket}/{shards}")
        steps: dict[str, Callable[[], Any]] = {
            "ingest": lambda: ingest(shelf, str(source), Local(1), cut=Cut(rows=12 // shards), max_failed=1.0),
            "run": lambda: run(shelf, RECIPE, Local(1)),
            "again": lambda: run(shelf, RECIPE, Local(1)),
            "export": lambda: export(shelf, "out", "", Local(1), ExportOptions(rows=100)),
            "sql": lambda: command("sql", "select avg(number) from notes", "--shelf", shelf.url),
            "verify": lambda: verify(f"{shelf.url}/exports/out"),
        }
        for name, step in steps.items():
            server.asked.clear()
            step()
            costs.setdefault(name, {})[shards] = server.counts()
    more = {name: {kind: (one[3][kind] - one[1][kind]) / 2 for kind in one[3]} for name, one in costs.items()}
    assert {name: one["LIST"] for name, one in more.items()} == dict.fromkeys(more, 0), "no listing for a shard"
    assert more["again"] == {"LIST": 0, "GET": 0, "PUT": 0}
    assert more["ingest"]["PUT"] == 3 and sum(more["ingest"].values()) <= 8
    assert sum(more["run"].values()) <= 45 and sum(more["export"].values()) <= 15 and sum(more["sql"].values()) <= 5


def test_what_people_say_lies_on_a_store_as_on_a_disk(bucket: str, source: Path, tmp_path: Path) -> None:
    shelves = Shelf(f"{bucket}/shelf"), Shelf(str(tmp_path / "shelf"))
    for shelf in shelves:
        ingest(shelf, str(source), Local(1), cut=FOUR, max_failed=1.0)
    keys = [
        row["key"].hex
        for shard in shelves[1].shards()
        for row in shelves[1].catalog(shard, ["key", "failed"]).to_pylist()
        if not row["failed"]
    ]
    with open_ledger(str(tmp_path / "desk.db"), measures={"plain": Choices()}) as ledger:
        ledger.set_layer(Layer("plain", "c1", rules=Rules(overlap=1, review_share=0, gold_share=0)), 1)
        ledger.set_person("ana", ["annotator"], 2)
        ledger.select([Item(key, "plain", key) for key in keys], 3)
        ledger.take("ana", "annotator", 4, most=99)
        for key in keys:
            said = (Note("person_choice", "good"),)
            assert ledger.submit(Submission(key, "ana", said, "c1"), 5).kind == "written"
        found = [collect(ledger, shelf, 6 + at) for at, shelf in enumerate((*shelves, shelves[0]))]
    assert [one.pieces for one in found] == [3, 3, 0] and {one.items for one in found} == {len(keys)}
    notes = f"notes/{found[0].desk}"
    there, here = (
        {name: shelf.fs.cat_file(shelf.path(notes, name)) for name, _ in shelf.sizes(notes)} for shelf in shelves
    )
    assert there == here and len(here) == 4
    run(shelves[0], RECIPE, Local(1))
    export(shelves[0], "out", "", Local(1), ExportOptions())
    assert verify(f"{shelves[0].url}/exports/out").samples
    counted = command("sql", "select count(*) from notes_people", "--shelf", shelves[0].url, "--format", "csv")
    assert counted.splitlines()[-1] == str(len(keys))
