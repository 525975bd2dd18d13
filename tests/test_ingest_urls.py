"""Links are fetched with manners: what comes is taken as it is, each failure is one row, and a dead network stops.

A server on loopback answers in all the ways that a stranger's may. It hears on every address of 127/8, so that one
server is many hosts.
"""

from __future__ import annotations

import csv
import gzip
import json
import socket
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any

import httpcore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

import schemas.publish
from pipelines.commands.ingest import ingest as ingest_verb
from pipelines.commands.sql import sql
from pipelines.engines.local import Local
from pipelines.ingest.body import Body
from pipelines.ingest.ingest import ingest
from pipelines.ingest.manners import Manners
from pipelines.ingest.plan import Cut
from pipelines.ingest.public import is_public
from pipelines.ingest.robots import refusal
from pipelines.ingest.source import Options
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, BadSample, Unavailable

LOCAL = Manners(allow_private=True, backoff_s=0.01, timeout_s=120.0)
SPARING = replace(LOCAL, retries=1, most_mib=1.0)
Picture = Callable[..., bytes]
Answer = Callable[["Asked"], None]


class Asked(BaseHTTPRequestHandler):
    """One request, answered by the server's routes; `/x/y?z` is looked up as it is, then as `/x`."""

    protocol_version = "HTTP/1.1"
    server: Web

    def do_GET(self) -> None:
        host = str(self.headers["Host"]).split(":", 1)[0]
        self.server.asked.append((host, self.path, dict(self.headers)))
        routes = self.server.routes
        route = routes.get(self.path) or routes.get("/" + self.path.split("/")[1]) or Asked.gone
        try:
            route(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def gone(self) -> None:
        self.say(404)

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Web(ThreadingHTTPServer):
    """The server: what it was asked, and how it answers."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("0.0.0.0", port), Asked)
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.routes: dict[str, Answer] = {}
        self.closing = Event()

    def link(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_port}{path}"

    def count(self, path: str) -> int:
        return sum(asked == path for _, asked, _ in self.asked)

    def handle_error(self, *_: Any) -> None:
        pass


@contextmanager
def serving(port: int = 0) -> Iterator[Web]:
    server = Web(port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as server:
        yield server


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path / "shelf"))


def gives(body: bytes, **headers: str) -> Answer:
    return lambda asked: asked.say(200, body, **headers)


def leads_to(path: str) -> Answer:
    return lambda asked: asked.say(302, Location=path)


def listed(folder: Path, links: list[str], name: str = "list.jsonl") -> str:
    path = folder / name
    path.write_text(
        "".join(json.dumps({"url": link, "caption": f"said of {n}"}) + "\n" for n, link in enumerate(links))
    )
    return str(path)


def fetch(shelf: Shelf, source: str, manners: Manners = LOCAL, **more: Any) -> list[dict[str, Any]]:
    """Ingest a list, however many of its rows fail, and return the catalogue's rows with their pictures' bytes."""
    ingest(shelf, source, Local(1), kind="urls", manners=manners, max_failed=1.0, **more)
    return rows(shelf)


def rows(shelf: Shelf) -> list[dict[str, Any]]:
    found = []
    for shard in shelf.shards():
        tar = Path(shelf.path("media", f"{shard}.tar")).read_bytes()
        for row in shelf.catalog(shard).to_pylist():
            parts = json.loads(row["parts"])
            row["said"] = [part["text"] for part in parts if part["kind"] == "text"]
            starts = zip(row["offsets"], (part for part in parts if part["kind"] == "image"), strict=True)
            row["pictures"] = [tar[start : start + part["size_bytes"]] for start, part in starts]
            row["meta"] = json.loads(row["meta"]) if row["meta"] else {}
            found.append(row)
    return found


def test_links_become_samples_in_order_whatever_the_file_and_whatever_the_links_call_them(
    web: Web, tmp_path: Path, picture: Picture
) -> None:
    contents = [picture(n, kind=("JPEG", "PNG", "WEBP")[n % 3]) for n in range(9)]
    for n, content in enumerate(contents):
        web.routes[f"/p/{n}.jpg"] = gives(content, Content_Type="text/html")
    columns = {
        "SAMPLE_ID": [f"s{n}" for n in range(9)],
        "URL": [web.link(f"/p/{n}.jpg#top") for n in range(9)],
        "TEXT": [f"said of {n}" for n in range(9)],
        "LICENSE": ["?", "CC0-1.0", ""] * 3,
        "NSFW": ["UNLIKELY"] * 9,
    }
    pq.write_table(pa.table(columns), tmp_path / "list.parquet")
    lines = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with (tmp_path / "list.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(lines)
    for kind in ("parquet", "jsonl", "csv"):
        found = fetch(Shelf(str(tmp_path / kind)), str(tmp_path / f"list.{kind}"))
        assert [row["pictures"] for row in found] == [[content] for content in contents]
        assert [(row["name"], row["said"]) for row in found] == [(f"s{n}", [f"said of {n}"]) for n in range(9)]
        assert [row["licence"] for row in found] == ["", "CC0-1.0", ""] * 3
        assert [row["uri"] for row in found] == columns["URL"]
        wanted = {"NSFW": "UNLIKELY", "status": "success", "error_message": None}
        assert all(row["meta"] == wanted for row in found)
    _, _, headers = web.asked[-1]
    assert headers["User-Agent"] == LOCAL.user_agent and headers["Accept-Encoding"] == "identity"
    assert not {"Cookie", "Authorization", "Referer"} & set(headers)


def drips(asked: Asked) -> None:
    """Send a whole picture so slowly that only a limit over all of it would notice."""
    asked.say(200, Content_Length="40")
    for _ in range(40):
        if asked.server.closing.wait(0.1):
            return
        asked.wfile.write(b"\xff")
        asked.wfile.flush()


def endless(asked: Asked) -> None:
    asked.say(200, Content_Length="", Connection="close")
    while not asked.server.closing.is_set():
        asked.wfile.write(b"\xff\xd8\xff" + bytes(65_533))


def cut(asked: Asked) -> None:
    asked.say(200, b"\xff\xd8\xff", Content_Length="500")
    asked.close_connection = True


def test_each_way_to_fail_is_one_row_with_its_reason_and_the_words_of_img2dataset(
    web: Web, shelf: Shelf, tmp_path: Path, picture: Picture
) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    good = picture(1)
    web.routes |= {
        "/good": gives(good),
        "/403": lambda asked: asked.say(403),
        "/410": lambda asked: asked.say(410),
        "/204": lambda asked: asked.say(204),
        "/500": lambda asked: asked.say(500),
        "/429": lambda asked: asked.say(429),
        "/circle": leads_to("/back"),
        "/back": leads_to("/circle"),
        "/far": lambda asked: asked.say(301, Location=asked.path + "/x"),
        "/to-file": leads_to("file:///etc/passwd"),
        "/lie.jpg": gives(b"<html>a picture, surely</html>", Content_Type="image/jpeg"),
        "/film.jpg": gives(b"\0\0\0\x18ftypisom" + bytes(100)),
        "/nothing": gives(b""),
        "/bomb": gives(bomb, Content_Encoding="gzip"),
        "/brotli": gives(good, Content_Encoding="br"),
        "/torn": gives(gzip.compress(good)[:-9], Content_Encoding="gzip"),
        "/garbled": gives(good, Content_Encoding="gzip"),
        "/vast": lambda asked: asked.say(200, Content_Length=str(3 << 20), Connection="close"),
        "/endless": endless,
        "/cut": cut,
        "/noai": gives(good, X_Robots_Tag="noarchive, NoAI"),
        "/others": gives(good, X_Robots_Tag="otherbot: noai"),
    }
    wanted = {
        "/good": "",
        "/404": "link_gone",
        "/410": "link_gone",
        "/403": "link_refused",
        "/204": "http_error",
        "/500": "server_error",
        "/429": "rate_limited",
        "/circle": "redirect_circle",
        "/far": "too_many_redirects",
        "/to-file": "bad_link",
        "/lie.jpg": "unknown_format",
        "/film.jpg": "not_a_picture",
        "/nothing": "empty_file",
        "/bomb": "too_large",
        "/brotli": "unknown_encoding",
        "/torn": "broken_encoding",
        "/garbled": "broken_encoding",
        "/vast": "too_large",
        "/endless": "too_large",
        "/cut": "connection_broken",
        "/noai": "robots_refused",
        "/others": "",
    }
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        links = [web.link(path) for path in wanted]
        links += [f"http://127.0.0.1:{closed.getsockname()[1]}/", "ftp://127.0.0.1/a.jpg", "a.jpg", "http://[::1/", ""]
        reasons = [*wanted.values(), "no_connection", "bad_link", "bad_link", "bad_link", "no_link"]
        found = fetch(shelf, listed(tmp_path, links), SPARING)
    assert dict(zip(links, (row["failed"] for row in found), strict=True)) == dict(zip(links, reasons, strict=True))
    assert [row["pictures"] for row in found if not row["failed"]] == [[good], [good]]
    no_picture = {"unknown_format", "not_a_picture", "empty_file"}
    for number, (row, link, reason) in enumerate(zip(found, links, reasons, strict=True)):
        if reason and link:
            status = "failed_to_resize" if reason in no_picture else "failed_to_download"
            assert (row["meta"]["status"], row["meta"]["url"]) == (status, link) and row["uri"] == link
            assert row["meta"]["caption"] == f"said of {number}" and row["meta"]["error_message"].startswith(reason)
    assert web.count("/500") == 2, "what may pass is tried again"
    assert web.count("/403") == 1, "what will not pass is not"


def test_what_takes_too_long_from_end_to_end_is_timed_out(web: Web, shelf: Shelf, tmp_path: Path) -> None:
    web.routes |= {"/drips": drips, "/hangs": lambda asked: asked.server.closing.wait(60)}
    links = [web.link("/drips"), web.link("/hangs")]
    found = fetch(shelf, listed(tmp_path, links), replace(SPARING, timeout_s=1.0))
    assert [(row["failed"], row["meta"]["status"]) for row in found] == [("timed_out", "failed_to_download")] * 2


def test_what_passes_is_had_by_a_later_try_and_a_packed_picture_is_unpacked(
    web: Web, shelf: Shelf, tmp_path: Path, picture: Picture
) -> None:
    def at_last(asked: Asked) -> None:
        if asked.server.count("/busy") < 3:
            asked.say(503, Retry_After="0")
        else:
            asked.say(200, picture(1))

    web.routes |= {
        "/busy": at_last,
        "/there": leads_to("/deep/../packed?a=1"),
        "/packed?a=1": gives(gzip.compress(picture(2)), Content_Encoding="GZIP"),
        "/deflated": gives(zlib.compress(picture(3)), Content_Encoding="deflate"),
    }
    found = fetch(shelf, listed(tmp_path, [web.link(path) for path in ("/busy", "/there", "/deflated")]))
    assert [row["pictures"] for row in found] == [[picture(1)], [picture(2)], [picture(3)]]
    assert web.count("/busy") == 3


def test_a_bomb_is_never_held_whole() -> None:
    bomb, body = gzip.compress(bytes(256 << 20)), Body(1 << 20, "gzip")
    tracemalloc.start()
    try:
        with pytest.raises(BadSample, match="too_large"):
            body.add(bomb)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@example(b"abc", 1, 10, "gzip")
@given(st.binary(max_size=3000), st.integers(1, 700), st.integers(0, 3000), st.sampled_from(["", "gzip", "deflate"]))
def test_a_body_is_what_was_packed_or_is_refused_where_it_is_longer(
    content: bytes, step: int, most_bytes: int, encoding: str
) -> None:
    packed = {"": content, "gzip": gzip.compress(content), "deflate": zlib.compress(content)}[encoding]
    body = Body(most_bytes, encoding)
    pieces = [packed[at : at + step] for at in range(0, len(packed), step)]
    if max(len(content), len(packed)) > most_bytes:
        with pytest.raises(BadSample, match="too_large"):
            for piece in pieces:
                body.add(piece)
    else:
        for piece in pieces:
            body.add(piece)
        assert body.content() == content


def test_as_many_links_are_fetched_at_once_as_may_be_and_no_more_of_one_host(
    web: Web, shelf: Shelf, tmp_path: Path, picture: Picture
) -> None:
    """The server answers the first six only when all six are there: two of each of three hosts."""
    changed, now, most = Condition(), Counter[str](), Counter[str]()

    def gate(asked: Asked) -> None:
        host = asked.headers["Host"]
        with changed:
            now[host] += 1
            most[host] = max(most[host], now[host])
            most["all"] = max(most["all"], now.total())
            changed.notify_all()
            changed.wait_for(lambda: most["all"] >= 6, timeout=100)
        asked.server.closing.wait(0.05)
        with changed:
            now[host] -= 1
        asked.say(200, picture(1))

    web.routes["/p"] = gate
    hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    links = [web.link(f"/p/{n}", host) for host in hosts for n in range(10)]
    found = fetch(shelf, listed(tmp_path, links), replace(LOCAL, concurrency=6, per_host=2))
    assert not any(row["failed"] for row in found) and len(found) == 30
    assert most.pop("all") == 6 and sorted(most.values()) == [2, 2, 2]


def test_robots_txt_is_asked_for_once_a_host_and_kept_unless_it_is_passed_over(
    web: Web, tmp_path: Path, picture: Picture
) -> None:
    rules = "User-agent: *\nDisallow: /\n\nUser-agent: ostraka\nDisallow: /mine/\n"
    web.routes |= {
        "/robots.txt": gives(rules.encode()),
        "/mine": gives(picture(1)),
        "/open": gives(picture(2)),
        "/noai": gives(picture(3), X_Robots_Tag="noimageindex"),
        "/sneak": leads_to("/mine/1"),
    }
    paths = ["/mine/1", "/open/1", "/sneak", "/noai", *(f"/open/{n}" for n in range(2, 9))]
    source = listed(tmp_path, [web.link(path) for path in paths])
    refused = [row["failed"] for row in fetch(Shelf(str(tmp_path / "kept")), source)]
    assert refused == ["robots_refused", "", "robots_refused", "robots_refused", *[""] * 7]
    assert web.count("/robots.txt") == 1 and web.count("/mine/1") == 0
    stranger = replace(LOCAL, user_agent="someone/1.0")
    other = fetch(Shelf(str(tmp_path / "other")), source, stranger)
    assert {row["failed"] for row in other} == {"robots_refused"}
    asked = web.count("/robots.txt")
    over = fetch(Shelf(str(tmp_path / "over")), source, replace(LOCAL, robots=False))
    assert not any(row["failed"] for row in over) and web.count("/robots.txt") == asked


def test_a_robots_txt_that_cannot_be_had_for_now_forbids_and_one_that_is_not_there_allows(
    web: Web, tmp_path: Path, picture: Picture
) -> None:
    web.routes |= {"/p": gives(picture(1)), "/robots.txt": lambda asked: asked.say(503)}
    source = listed(tmp_path, [web.link("/p")])
    assert [row["failed"] for row in fetch(Shelf(str(tmp_path / "a")), source)] == ["robots_unread"]
    assert web.count("/p") == 0
    for answer in (leads_to("/robots.txt"), lambda asked: asked.say(403), gives(b"\xef\xbb\xbf\xff\xfe no rules")):
        web.routes["/robots.txt"] = answer
        shelf = Shelf(str(tmp_path / f"b{len(web.asked)}"))
        assert [row["failed"] for row in fetch(shelf, source)] == [""]


@pytest.mark.parametrize(
    ("values", "directive"),
    [
        (["noai"], "noai"),
        (["all", "noarchive , NoImageAI"], "noimageai"),
        (["ostraka: noindex"], "noindex"),
        (["Ostraka: nofollow, noimageindex"], "noimageindex"),
        (["otherbot: noai"], ""),
        (["noarchive, otherbot: noai, ostraka: noai"], "noai"),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST, noai"], "noai"),
        (["max-snippet: 20, noai"], "noai"),
        (["all"], ""),
        (["noaim"], ""),
        ([], ""),
    ],
)
def test_who_an_x_robots_tag_speaks_to(values: list[str], directive: str) -> None:
    assert refusal(values, "ostraka") == directive


PRIVATE = [
    *("127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("255.255.255.255", "224.0.0.1", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
    *("::", "::1", "fe80::1", "fe80::1%1", "fc00::1", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.1.2.3", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::1"),
]
PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("address", PRIVATE + PUBLIC)
def test_which_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address)) == (address in PUBLIC)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, web: Web) -> dict[str, list[list[str]]]:
    """An internet in which each name has the addresses given, one list a question (the last for all later ones), and
    where every public address leads to the server."""
    told: dict[str, list[list[str]]] = {}
    resolve, connect = socket.getaddrinfo, httpcore.AnyIOBackend.connect_tcp

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in told:
            return resolve(host, port, *args, **kwargs)
        addresses = told[name].pop(0) if len(told[name]) > 1 else told[name][0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    async def connect_tcp(backend: Any, host: str, port: int, *args: Any) -> Any:
        assert ip_address(host), "names are resolved before"
        return await connect(backend, "127.0.0.1" if is_public(ip_address(host)) else host, port, *args)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    return told


STRICT = Manners(backoff_s=0.01, robots=False)


def test_private_addresses_are_refused_under_any_name_and_behind_any_redirect(
    web: Web, shelf: Shelf, tmp_path: Path, picture: Picture, names: dict[str, list[list[str]]]
) -> None:
    names |= {
        "open.example": [["93.184.215.14"]],
        "inside.example": [["10.0.0.7"]],
        "both.example": [["93.184.215.14", "127.0.0.1"]],
    }
    web.routes |= {
        "/p": gives(picture(1)),
        "/secret": gives(picture(2)),
        "/in": leads_to(web.link("/secret")),
        "/meta": leads_to("http://169.254.169.254/latest/meta-data/"),
    }
    links = [
        web.link("/p", "open.example"),
        *(web.link("/secret", host) for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "0", "[::1]")),
        *(web.link("/secret", host) for host in ("[::ffff:127.0.0.1]", "inside.example", "both.example")),
        *(web.link(path, "open.example") for path in ("/in", "/meta")),
    ]
    found = fetch(shelf, listed(tmp_path, links), STRICT)
    assert [row["failed"] for row in found] == ["", *["private_address"] * (len(links) - 1)]
    assert web.count("/secret") == 0 and web.count("/in") == 1


def test_a_name_that_means_another_address_a_moment_later_is_asked_once(
    web: Web, shelf: Shelf, tmp_path: Path, picture: Picture, names: dict[str, list[list[str]]]
) -> None:
    web.routes["/p"] = gives(picture(1))
    names["rebound.example"] = [["93.184.215.14"], ["127.0.0.1"]]
    found = fetch(shelf, listed(tmp_path, [web.link("/p", "rebound.example")]), STRICT)
    assert [row["failed"] for row in found] == [""]
    assert len(names["rebound.example"]) == 1


def test_private_addresses_are_refused_by_the_command_unless_it_says_otherwise(
    web: Web, shelf: Shelf, tmp_path: Path, picture: Picture
) -> None:
    web.routes["/p"] = gives(picture(1))
    arguments = [listed(tmp_path, [web.link("/p")]), "--as", "urls", "--shelf", shelf.url, "--max-failed", "1"]
    ended = CliRunner().invoke(ingest_verb, [*arguments, "--dataset", "a"], catch_exceptions=False)
    assert "failed: private_address" in ended.output and not web.asked
    ended = CliRunner().invoke(ingest_verb, [*arguments, "--dataset", "b", "--allow-private"], catch_exceptions=False)
    assert "failed" not in ended.output and web.count("/p") == 1


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("0.0.0.0", 0))
        return int(free.getsockname()[1])


def test_a_network_that_is_down_stops_the_run_and_the_same_command_goes_on_when_it_is_up(
    shelf: Shelf, tmp_path: Path, picture: Picture
) -> None:
    port = closed_port()
    links = [f"http://127.0.1.{n}:{port}/p" for n in range(1, 13)] * 3
    source = listed(tmp_path, links)
    with pytest.raises(Unavailable, match="the network: no answer from 10 hosts"):
        fetch(shelf, source)
    assert not shelf.shards()
    with serving(port) as web:
        web.routes["/p"] = gives(picture(1))
        assert [row["failed"] for row in fetch(shelf, source)] == [""] * 36


def test_links_of_a_few_dead_hosts_stop_the_run_where_nothing_answered_and_fail_where_something_did(
    web: Web, shelf: Shelf, tmp_path: Path, picture: Picture
) -> None:
    dead = [f"http://127.0.0.1:{closed_port()}/{n}" for n in range(6)]
    source = listed(tmp_path, dead)
    with pytest.raises(Unavailable, match="no answer from 1 hosts and 6 links in a row"):
        fetch(shelf, source)
    assert not shelf.shards()
    never = replace(LOCAL, silent_hosts=0)
    assert {row["failed"] for row in fetch(shelf, source, never)} == {"no_connection"}
    mixed = fetch(Shelf(str(tmp_path / "mixed")), listed(tmp_path, [*dead, web.link("/404")], "mixed.jsonl"))
    assert [row["failed"] for row in mixed] == ["no_connection"] * 6 + ["link_gone"]


def test_a_killed_fetch_goes_on_with_its_shard_to_the_same_bytes(
    web: Web,
    tmp_path: Path,
    picture: Picture,
    tree_digest: Callable[..., dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    links = []
    for n in range(6):
        web.routes[f"/p/{n}"] = gives(picture(n))
        links.append(web.link(f"/p/{n}"))
    links.append(web.link("/404"))
    source, cut = listed(tmp_path, links), Cut(rows=3)
    fetch(Shelf(str(tmp_path / "whole")), source, cut=cut)
    web.asked.clear()

    def dies(point: str, path: str) -> None:
        if point == "published" and path.endswith("media/000001.tar"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(schemas.publish, "crossing", dies)
        with pytest.raises(KeyboardInterrupt):
            fetch(Shelf(str(tmp_path / "cut")), source, cut=cut)
    fetch(Shelf(str(tmp_path / "cut")), source, cut=cut)
    assert tree_digest(tmp_path / "cut") == tree_digest(tmp_path / "whole")
    assert [web.count(f"/p/{n}") for n in range(6)] == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    "link",
    [
        *("http://127.0.0.1:99999/", "http://127.0.0.1:0/", "http://127.0.0.1:-1/", "http://xn--/", "http://a\0b/"),
        *("http:///a", "//127.0.0.1/a", "http://127.0.0.1/\r\nHost: a", "data:image/png;base64,AAAA"),
        "http://127.0.0.1/" + "x" * 99_999,
    ],
)
def test_a_link_that_is_none_is_a_failed_row_and_never_a_stop(shelf: Shelf, tmp_path: Path, link: str) -> None:
    [row] = fetch(shelf, listed(tmp_path, [link]))
    assert row["failed"] == "bad_link"


def test_two_workers_fetch_the_same_bytes_as_one(
    web: Web, tmp_path: Path, picture: Picture, tree_digest: Callable[..., dict[str, str]]
) -> None:
    for n in range(7):
        web.routes[f"/p/{n}"] = gives(picture(n))
    source = listed(tmp_path, [web.link(f"/p/{n}") for n in range(8)])
    for workers in (1, 2):
        shelf = Shelf(str(tmp_path / str(workers)))
        ingest(shelf, source, Local(workers), kind="urls", manners=LOCAL, max_failed=1.0, cut=Cut(rows=3))
    assert tree_digest(tmp_path / "1") == tree_digest(tmp_path / "2")


def test_rows_that_failed_are_tried_again_by_the_list_that_the_shelf_gives(
    web: Web, shelf: Shelf, tmp_path: Path, picture: Picture
) -> None:
    web.routes["/p"] = gives(picture(1))
    fetch(shelf, listed(tmp_path, [web.link("/p"), web.link("/late/1"), web.link("/late/2")]))
    query = (
        "select name as id, uri as url, meta::json->>'caption' as caption from samples "
        "where dataset = 'list' and meta::json->>'status' = 'failed_to_download' order by all"
    )
    ended = CliRunner().invoke(sql, [query, "--shelf", shelf.url, "--format", "csv"], catch_exceptions=False)
    (tmp_path / "again.csv").write_text(ended.output)
    web.routes["/late"] = gives(picture(2))
    found = fetch(shelf, str(tmp_path / "again.csv"))
    assert [(row["dataset"], row["name"], row["failed"], row["said"]) for row in found[3:]] == [
        ("again", "line-000000002", "", ["said of 1"]),
        ("again", "line-000000003", "", ["said of 2"]),
    ]


def test_links_of_laion_come_in_by_their_texts(
    data: Path, web: Web, shelf: Shelf, tmp_path: Path, picture: Picture
) -> None:
    """Their links lead to loopback, each under the path of the real one."""
    real = pq.read_table(data / "image_caption" / "img2dataset_url_lists" / "test_1000.parquet").slice(0, 250)
    web.routes["/"] = web.routes["/p"] = gives(picture(1))
    links = [web.link(f"/p/{link.partition('://')[2]}") for link in real["URL"].to_pylist()]
    table = real.set_column(0, "URL", pa.array(links))
    (tmp_path / "lists").mkdir()
    for part in (0, 1):
        pq.write_table(table.slice(125 * part, 125), tmp_path / "lists" / f"part-{part:05d}.parquet")
    found = fetch(shelf, str(tmp_path / "lists"), cut=Cut(rows=100))
    assert len(found) == 250 and not any(row["failed"] for row in found)
    assert [row["said"] for row in found] == [[text.strip(" ")] if text else [] for text in real["TEXT"].to_pylist()]
    assert found[125]["name"] == "part-00001.parquet/line-000000001"


def test_what_cannot_be_fetched_at_all_is_refused_before_anything_is(shelf: Shelf, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text("link,caption\nhttp://a/b,c\n")
    with pytest.raises(BadInput, match="no column holds links; the columns are link, caption"):
        ingest(shelf, str(source), Local(1), kind="urls")
    with pytest.raises(BadInput, match="no column 'there'"):
        ingest(shelf, str(source), Local(1), Options(url_column="there"), kind="urls")
    for agent in ("", "/1.0", "a\r\nHost: b", "ä/1.0"):
        with pytest.raises(BadInput, match="no User-Agent"):
            Manners(user_agent=agent)
    assert not shelf.planned()
