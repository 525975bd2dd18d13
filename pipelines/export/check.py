"""Checking one shard of an export: every member, every byte range and every digest, against what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import IO, Any

import msgspec
from msgspec import Struct

from pipelines.export.folder import Folder
from pipelines.export.hashed import digest_of
from pipelines.export.manifest import File
from pipelines.export.sidecar import columns_of, sidecar_row
from pipelines.shelf.table import arrow_schema, read_table
from schemas.errors import BadSample, BadTar, Unavailable, Unreachable
from schemas.form import caption_of, form_name, media_extensions, read
from schemas.sample import Sample
from schemas.tar import END, Member, by_extension, group, scan, span_end, split_name

MOST_TOLD = 20
_DAMAGED = "copy the file again from where it was exported, or export again with --replace"


class CheckShard(Struct, frozen=True):
    """Work: check a shard's tar against its sidecar and both against the manifest; the answer is what is wrong."""

    folder_url: str
    files: tuple[File, ...]

    @contextmanager
    def open(self) -> Iterator[Callable[[str], list[str]]]:
        """Yield what checks the shard of a path without suffix."""
        folder, listed = Folder(self.folder_url), {file.path: file for file in self.files}
        yield lambda path: _Checking(folder, listed, path).run()


class _Checking:
    """One shard under check; what is wrong is told with the file, the byte and what to do."""

    def __init__(self, folder: Folder, listed: Mapping[str, File], path: str) -> None:
        self._folder, self._tar, self._table = folder, f"{path}.tar", f"{path}.parquet"
        self._listed = listed
        self._form = path.split("/")[-2]
        self._problems: list[str] = []

    def run(self) -> list[str]:
        for path in (self._tar, self._table):
            self._problems += check_file(self._folder, self._listed[path])
        try:
            rows = self._sidecar()
            with self._folder.fs.open(self._folder.path(self._tar), "rb") as file:
                self._check_samples(file, rows)
        except BadTar as bad:
            self._say(self._tar, bad.what, _DAMAGED)
        except Unreachable:
            raise
        except (Unavailable, FileNotFoundError) as error:
            self._say(self._table, str(error), _DAMAGED)
        return self._problems[:MOST_TOLD]

    def _say(self, where: str, what: str, remedy: str) -> None:
        self._problems.append(f"{where}: {what}; {remedy}")

    def _sidecar(self) -> list[dict[str, Any]]:
        table = read_table(self._folder.fs, self._folder.path(self._table))
        columns = columns_of(table.column_names)
        if columns is None or table.schema != arrow_schema(columns):
            raise Unavailable("its columns are not a sidecar's")
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows

    def _check_samples(self, file: IO[bytes], rows: Sequence[dict[str, Any]]) -> None:
        told, seen, end = iter(rows), dict[str, int](), 0
        for key, members in group(self._named(scan(file))):
            at = members[0].offset
            if key in seen:
                self._say(self._tar, f"byte {at}: key {key} stands there again, first at {seen[key]}", _DAMAGED)
            seen.setdefault(key, at)
            end = span_end(members[-1].offset, members[-1].size_bytes)
            self._check_sample(file, key, members, next(told, None))
        if not len(seen) == len(rows) == self._listed[self._tar].samples:
            counts = f"{len(seen)} keys, the sidecar {len(rows)} rows, the manifest {self._listed[self._tar].samples}"
            self._say(self._tar, f"it holds {counts} samples", _DAMAGED)
        file.seek(end)
        if file.read(len(END) + 1) != END:
            self._say(self._tar, f"byte {end}: the tar does not end with two empty blocks", _DAMAGED)

    def _named(self, members: Iterator[Member]) -> Iterator[Member]:
        for member in members:
            if split_name(member.name) is None:
                self._say(self._tar, f"byte {member.offset}: {member.name!r} has no key and extension", _DAMAGED)
            else:
                yield member

    def _check_sample(self, file: IO[bytes], key: str, members: Sequence[Member], row: dict[str, Any] | None) -> None:
        at = f"byte {members[0].offset}: sample {key}"
        try:
            found = by_extension(members)
            contents = {extension: _read(file, member) for extension, member in found.items()}
            sample = read(contents)[0]
            self._check_contents(at, key, sample, contents)
        except (BadSample, BadTar) as bad:
            self._say(self._tar, f"{at}: {bad} (its members are {', '.join(m.name for m in members)})", _DAMAGED)
            return
        except msgspec.DecodeError as error:
            self._say(self._tar, f"{at}: its json cannot be read ({error})", _DAMAGED)
            return
        named = [Member(extension, member.offset, member.size_bytes) for extension, member in found.items()]
        truth = sidecar_row(sample, named)
        wrong = [name for name, value in (row or {}).items() if name not in truth or value != truth[name]]
        if row and wrong:
            name = wrong[0]
            what = f"sample {key}: {', '.join(wrong)} are not the tar's ({name} {row[name]!r} for {truth.get(name)!r})"
            self._say(self._table, what[:400], _DAMAGED)

    def _check_contents(self, at: str, key: str, sample: Sample, contents: Mapping[str, bytes]) -> None:
        media = media_extensions(sample)
        wanted = [*(extension for _, _, extension in media), "txt", "json"]
        if list(contents) != wanted:
            self._say(self._tar, f"{at}: its members are {', '.join(contents)}, not {', '.join(wanted)}", _DAMAGED)
            return
        if sample.key != key:
            self._say(self._tar, f"{at}: its json is of sample {sample.key}", _DAMAGED)
        if form_name(sample) != self._form:
            self._say(self._tar, f"{at}: its form is {form_name(sample)}, the folder's {self._form}", _DAMAGED)
        for _, part, extension in media:
            if sha256(contents[extension]).hexdigest() != part.digest:
                self._say(self._tar, f"{at}: the bytes of its {extension} are not those of its digest", _DAMAGED)
        if contents["txt"] != caption_of(sample).encode():
            self._say(self._tar, f"{at}: its txt is not its caption", _DAMAGED)


def _read(file: IO[bytes], member: Member) -> bytes:
    file.seek(member.offset)
    return file.read(member.size_bytes)


def check_file(folder: Folder, listed: File) -> list[str]:
    """Return what is wrong with a file's size and digest, nothing where it is the file that was exported."""
    try:
        size_bytes, digest = digest_of(folder.fs, folder.path(listed.path))
    except OSError as error:
        return [f"{listed.path}: cannot be read ({error.strerror or error}); {_DAMAGED}"]
    if size_bytes != listed.size_bytes:
        return [f"{listed.path}: {size_bytes} bytes, not {listed.size_bytes}; {_DAMAGED}"]
    if digest != listed.sha256:
        return [f"{listed.path}: its SHA-256 is {digest[:16]}..., not {listed.sha256[:16]}...; {_DAMAGED}"]
    return []
