"""S3: what an s3:// address opens, and what is said where the store does not answer as it should.

Endpoint, region, credentials and time limits of a connection come from AWS's own environment variables and files
(AWS_ENDPOINT_URL, AWS_PROFILE, ...), never from an address, so none of them gets onto a shelf or into a log. s3fs does
the talking. Every call and every body goes through here, and whatever fails is `Unreachable`, with what to do: so no
failure of a store can pass for a sample's. What is not there, or is there already, stays the FileNotFoundError or
FileExistsError that it is on a disk. Nothing is kept of listings: another worker may have written meanwhile.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError as BodyError
from botocore import exceptions as boto
from fsspec.asyn import sync_wrapper
from fsspec.utils import glob_translate
from s3fs import S3FileSystem

from pipelines.store.ahead import Ahead, Stretch
from schemas.errors import BadInput, Unreachable

CALL_S = 300.0
"""How long one call may take, with the attempts that botocore makes of it."""
ATTEMPTS = 3
"""How often a body that stops early is asked for, and a write that another one crosses is made."""
PARTS_AT_ONCE = 4
"""Parts of a large object under way at once, each 50 MiB and in memory."""

ONE_CALL_BYTES = 5 << 30

_GOES_ON = "the same command goes on where this one stopped"
_SAID = {
    "ExpiredToken": ("the credentials have expired", f"log in again: {_GOES_ON}"),
    "InvalidAccessKeyId": ("the store does not know this access key", "mend AWS_ACCESS_KEY_ID, or AWS_PROFILE"),
    "SignatureDoesNotMatch": ("the secret key is not that of the access key", "mend AWS_SECRET_ACCESS_KEY"),
    "InvalidToken": ("the session token is no good", "mend AWS_SESSION_TOKEN, or unset it"),
    "AccessDenied": ("access is denied", f"ask whoever owns the bucket: {_GOES_ON}"),
    "NoSuchBucket": ("there is no such bucket", "make it, or mend the address"),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", "set it"),
    "PermanentRedirect": ("the bucket is in another region", "set AWS_DEFAULT_REGION to the bucket's"),
    "SlowDown": ("the store asks for fewer requests at a time", f"take fewer --workers: {_GOES_ON}"),
    "NoSuchUpload": ("the upload was taken away meanwhile", _GOES_ON),
}
_ALIKE = {
    "ExpiredTokenException": "ExpiredToken",
    "TokenRefreshRequired": "ExpiredToken",
    "RequestExpired": "ExpiredToken",
    "403": "AccessDenied",
    "AllAccessDisabled": "AccessDenied",
    "301": "PermanentRedirect",
    "AuthorizationHeaderMalformed": "PermanentRedirect",
    "IllegalLocationConstraintException": "PermanentRedirect",
    "503": "SlowDown",
    "ServiceUnavailable": "SlowDown",
}
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.ProfileNotFound,
)
_NO_ANSWER = (boto.ConnectionError, boto.HTTPClientError, TimeoutError, ConnectionError, BodyError)
_BODYLESS = ("400", "403")
_CROSSED = ("ConditionalRequestConflict", "OperationAborted")


class S3(S3FileSystem):  # type: ignore[misc]
    """The file system of s3:// addresses."""

    retries = ATTEMPTS
    connect_timeout = 10
    read_timeout = 60

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"use_listings_cache": False, "max_concurrency": PARTS_AT_ONCE, **given})

    @staticmethod
    def _get_kwargs_from_urls(url: str) -> dict[str, Any]:
        bucket = urlsplit(url).netloc
        if not bucket:
            raise BadInput("an address on S3 names a bucket", where=url, remedy="s3://BUCKET/FOLDER")
        if "@" in bucket:
            raise BadInput(
                "an address holds no credentials",
                where="s3://***@",
                remedy="give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
            )
        return {}

    async def _call_s3(self, method: str, *given: Any, **named: Any) -> Any:
        """Make one call. Raises FileNotFoundError, FileExistsError and Unreachable."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await asyncio.wait_for(super()._call_s3(method, *given, **named), CALL_S)
            except Exception as error:
                code = _code_of(error)
                if code in _CROSSED and attempt < ATTEMPTS:
                    await asyncio.sleep(attempt)
                    continue
                if code in _BODYLESS and method.startswith("head_"):
                    await self._call_s3(
                        "list_objects_v2", Bucket=named["Bucket"], Prefix=named.get("Key", ""), MaxKeys=1
                    )
                raise _said(error, code, named) from None
        raise AssertionError

    async def _stretch(self, path: str, first: int, end: int, tag: str) -> Stretch:
        bucket, key, _ = self.split_path(path)
        asked = f"bytes={first}" if first < 0 else f"bytes={first}-{end - 1}"
        named = {"Bucket": bucket, "Key": key, "Range": asked}
        if tag:
            named["IfMatch"] = tag
        try:
            answer, data = await self._body(named)
        except _EmptyError:
            return Stretch(0, b"", 0)
        told = answer.get("ContentRange", "")
        whole_bytes = int(told.rpartition("/")[2]) if told else len(data)
        begins = int(told.partition(" ")[2].partition("-")[0]) if told else 0
        return Stretch(begins, data, whole_bytes, answer.get("ETag", ""))

    async def _body(self, named: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Return an answer and its body, whole; one that stops early is asked for again."""
        for _ in range(ATTEMPTS):
            answer = await self._call_s3("get_object", **named)
            try:
                data = await asyncio.wait_for(answer["Body"].read(), CALL_S)
            except (*_NO_ANSWER, boto.IncompleteReadError):
                continue
            finally:
                answer["Body"].close()
            if len(data) == answer["ContentLength"]:
                return answer, bytes(data)
        raise Unreachable(f"its bytes stopped coming {ATTEMPTS} times", where=_where(named), remedy=_GOES_ON)

    def _open(self, path: str, mode: str = "rb", **given: Any) -> Any:
        if mode != "rb":
            return super()._open(path, mode, **given)
        return Ahead(partial(self.stretch, path))

    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        bucket, key, _ = self.split_path(path)
        named = {"Bucket": bucket, "Key": key}
        if start is not None or end is not None:
            named["Range"] = await self._process_limits(path, start, end)
        return (await self._body(named))[1]

    async def _exists(self, path: str, **_: Any) -> bool:
        try:
            await self._info(path)
            return True
        except FileNotFoundError:
            return False

    async def _isfile(self, path: str) -> bool:
        return await self._head(path) is not None

    async def _head(self, path: str) -> Any:
        bucket, key, _ = self.split_path(path)
        try:
            return await self._call_s3("head_object", Bucket=bucket, Key=key) if key else None
        except FileNotFoundError:
            return None

    async def _ukey(self, path: str) -> str:
        head = await self._head(path)
        if head is None:
            raise FileNotFoundError(path)
        return str(head["ETag"])

    async def _put_over(self, local: str, path: str, tag: str) -> bool:
        """Put a local file over an object of up to 5 GiB in one call, if it is still the version of this `ukey`; return
        whether it was."""
        try:
            await self._put_file(local, path, chunksize=ONE_CALL_BYTES, IfMatch=tag)
            return True
        except FileExistsError:
            return False

    async def _mkdir(self, path: str, acl: Any = False, create_parents: bool = True, **_: Any) -> None:
        """Do nothing: there are no folders, and a bucket is made by whoever pays for it."""

    async def _ls(self, path: str, detail: bool = True, **_: Any) -> Any:
        """List a folder with one request a thousand files; raises FileNotFoundError where nothing is in it."""
        found = await self._lsdir(path)
        if not found and self.split_path(path)[1]:
            raise FileNotFoundError(path)
        return found if detail else sorted(one["name"] for one in found)

    async def _glob(self, path: str, maxdepth: int | None = None, detail: bool = False, **_: Any) -> Any:
        """Find the files that a pattern names with one listing of what lies below its first folder without a star,
        where a listing of each folder would be as many requests as there are runs."""
        path = self._strip_protocol(path)
        folder = path[: min(path.index(mark) for mark in "*?[" if mark in path)] if set("*?[") & set(path) else path
        folder, last = folder.rpartition("/")[0], path.count("/") == folder.count("/")
        fits = re.compile(glob_translate(path))
        listed = await self._lsdir(folder, delimiter="/" if last else "")
        found = {one["name"]: one for one in listed if one["type"] == "file" and fits.match(one["name"])}
        return found if detail else sorted(found)

    stretch = sync_wrapper(_stretch)
    call_s3 = sync_wrapper(_call_s3)
    exists = sync_wrapper(_exists)
    isfile = sync_wrapper(_isfile)
    ukey = sync_wrapper(_ukey)
    put_over = sync_wrapper(_put_over)


class _EmptyError(Exception):
    """A range was asked of an object that has no bytes."""


def _code_of(error: BaseException) -> str:
    """Return the store's own word for what went wrong, where it said one: s3fs puts its own in front of it."""
    for one in (error, error.__cause__):
        if isinstance(one, boto.ClientError):
            return str(one.response.get("Error", {}).get("Code", ""))
    return ""


def _where(named: dict[str, Any]) -> str:
    return f"s3://{named['Bucket']}/{named.get('Key', named.get('Prefix', ''))}"


def _said(error: Exception, code: str, named: dict[str, Any]) -> BaseException:
    """Return what is raised for an error of a call."""
    where, code = _where(named), _ALIKE.get(code, code)
    if code in ("PreconditionFailed", "412"):
        if "IfNoneMatch" in named or "Body" in named:
            return FileExistsError(where)
        return Unreachable("it was written anew while it was read", where=where, remedy="run the same command again")
    if code in ("InvalidRange", "416"):
        return _EmptyError()
    if code in _SAID:
        what, remedy = _SAID[code]
        where = f"s3://{named['Bucket']}" if code == "NoSuchBucket" else where
        return Unreachable(what, where=where, remedy=remedy)
    if isinstance(error, FileNotFoundError):
        return error
    if isinstance(error, _NO_CREDENTIALS):
        remedy = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        return Unreachable(f"no credentials ({error})", where=where, remedy=remedy)
    if isinstance(error, _NO_ANSWER):
        told = str(error).partition("?")[0].replace('"', "") or f"none within {CALL_S:g} s"
        return Unreachable(
            f"the store does not answer ({told})", where=where, remedy=f"see AWS_ENDPOINT_URL: {_GOES_ON}"
        )
    if isinstance(error, boto.ParamValidationError):
        return BadInput("this is no bucket's name", where=where, remedy="mend the address")
    if isinstance(error, OSError | boto.BotoCoreError | boto.ClientError):
        return Unreachable(f"the store fails ({code or type(error).__name__}: {error})", where=where, remedy=_GOES_ON)
    if isinstance(error, ValueError) and "endpoint" in str(error).lower():
        return BadInput(f"this is no address of a store ({error})", where="AWS_ENDPOINT_URL", remedy="mend it")
    return error
