"""Training data on an object store: the same lengths and rows as from a folder, by range requests of workers too."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import fsspec
import pytest

from schemas.errors import Unavailable
from trainer.data.choose import Chosen, choose
from trainer.data.export_index import open_export
from trainer.data.lengths import count_lengths
from trainer.data.stream import Loading, Stream
from trainer.documents.encoding import Encoding
from trainer.plan.plan import Order

sys.path.insert(0, str(Path(__file__).parent))
plain: Any = import_module("plain_encoding")
PLAIN: Encoding = plain.PLAIN


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of moto's S3 on loopback."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    fs = fsspec.filesystem("s3", skip_instance_cache=True)
    with suppress(FileExistsError):
        fs.mkdir("corpus")
    yield "s3://corpus"
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    server.stop()


def test_rows_from_an_object_store_are_those_from_a_folder(mixed_export: Callable[..., Path], bucket: str) -> None:
    folder = mixed_export(12, rows=4)
    fs = fsspec.filesystem("s3")
    for path in (path for path in folder.rglob("*") if path.is_file()):
        fs.pipe_file(f"corpus/out/{path.relative_to(folder)}", path.read_bytes())
    here, there = chosen_at(str(folder), 0), chosen_at(f"{bucket}/out", 2)
    assert here.lengths.digest == there.lengths.digest
    assert fs.exists(f"{there.lengths.folder}/about.json") and there.lengths.folder.startswith("corpus/out.lengths/")
    found = [rows_of(here, 0), rows_of(there, 0), rows_of(there, 1)]
    assert found[0] == found[1] == found[2] and len(found[0]) == 6


def chosen_at(url: str, workers: int) -> Chosen:
    return choose(count_lengths(open_export(url), PLAIN, workers), 40)


def rows_of(chosen: Chosen, workers: int) -> list[list[tuple[str, bytes]]]:
    stream = Stream([chosen], PLAIN, Order(0, 40, 3, 8), Loading(workers=workers), steps=2)
    return [[(document.key, document.patches_PD.tobytes()) for document in row.documents] for row in stream]


def test_a_store_that_lets_nobody_in_is_no_bad_input(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fsspec.filesystem("s3").clear_instance_cache()
    with pytest.raises(Unavailable, match=r"corpus/out/manifest.json: .*[Cc]redentials"):
        open_export(f"{bucket}/out")
