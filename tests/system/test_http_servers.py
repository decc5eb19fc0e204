"""HTTP as people use it: curl through the daemon to lighttpd, nginx and node, and what both ends saw of it."""

from __future__ import annotations

import hashlib
import json
import random
from typing import TYPE_CHECKING

import pytest

from tests.system.visitors import CODES_AND_CONNECTIONS, Visitor, curl, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.conftest import Hosts
    from tests.system.nginx import Nginx
    from tests.system.servers import Lighttpd

EVERY = pytest.mark.parametrize("name", ["lighttpd", "nginx", "node"])
STATIC = pytest.mark.parametrize("name", ["lighttpd", "nginx"])
SILENT = ("-o", "/dev/null", *CODES_AND_CONNECTIONS)
MIB = 1 << 20
CHUNKED = ("-H", "Transfer-Encoding: chunked")
EXPECTING = ("-H", "Expect: 100-continue")
UNEXPECTING = ("-H", "Expect:")


def url(name: str, path: str) -> str:
    """A page of the server of that name."""
    return f"http://{name}.example/{path}"


@pytest.fixture(scope="module")
def payload(lighttpd: Lighttpd, nginx: Nginx) -> bytes:
    """What both static servers have as `large.bin`: 4 MiB."""
    data = random.Random(6).randbytes(4 * MIB)
    for root in (lighttpd.root, nginx.root):
        (root / "large.bin").write_bytes(data)
    return data


@pytest.fixture(params=[10, 5 * MIB], ids=["small", "5MiB"])
def upload(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file to be sent."""
    file = tmp_path / "upload"
    file.write_bytes(random.Random(7).randbytes(request.param))
    return file


# A connection and its requests ----------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("method", [(), ("-I",)], ids=["GET", "HEAD"])
def test_fifty_requests_take_one_connection(hosts: Hosts, name: str, method: tuple[str, ...]) -> None:
    """Curl connects for the first, and for none of those that follow."""
    assert told(curl(hosts.http, *method, *SILENT, url(name, "page?[1-50]"))) == ["200 1", *["200 0"] * 49]


@pytest.mark.parametrize("page", [url("nginx", "closing/page"), url("node", "closing")])
def test_a_server_that_closes_costs_the_client_nothing(hosts: Hosts, page: str) -> None:
    """Each response is its connection's last; the client's stays."""
    assert told(curl(hosts.http, *SILENT, f"{page}?[1-20]")) == ["200 1", *["200 0"] * 19]


def test_pipelined_requests_are_answered_in_order(hosts: Hosts, nginx: Nginx) -> None:
    """Ninety at once to three servers, bodies among them: each answer belongs to its request, and none is missing."""
    for number in range(0, 90, 3):
        (nginx.root / f"{number}.txt").write_text(f"{number} of nginx")
    expected = []
    with Visitor(hosts.http) as visitor:
        requests = []
        for number in range(0, 90, 3):
            body = f"body {number}"
            requests += [
                f"GET /{number}.txt HTTP/1.1\r\nHost: nginx.example\r\n\r\n",
                f"POST /hash HTTP/1.1\r\nHost: node.example\r\nContent-Length: {len(body)}\r\n\r\n{body}",
                "GET /page HTTP/1.1\r\nHost: lighttpd.example\r\n\r\n",
            ]
            expected += [f"{number} of nginx", hashlib.sha256(body.encode()).hexdigest(), "lighttpd's page\n"]
        visitor.send("".join(requests).encode())
        bodies = [visitor.answer().body.decode() for _ in requests]
    assert [json.loads(body)["hash"] if body.startswith("{") else body for body in bodies] == expected


# Bodies up ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", [(), CHUNKED], ids=["counted", "chunked"])
@pytest.mark.parametrize("expects", [EXPECTING, UNEXPECTING], ids=["expecting", "at-once"])
def test_an_upload_is_whole(hosts: Hosts, upload: Path, framing: tuple[str, ...], expects: tuple[str, ...]) -> None:
    """Node gets each byte, framed as the client framed it; its 100 reaches a client that waits for one."""
    options = (*framing, *expects, "-v", "--stderr", "-", "--data-binary", f"@{upload}")
    said = curl(hosts.http, *options, url("node", "hash"))
    assert (b"< HTTP/1.1 100 Continue" in said) is (expects is EXPECTING)
    got = json.loads(said[said.index(b'{"hash"') : said.rindex(b"}") + 1])
    data = upload.read_bytes()
    length, coding = (None, "chunked") if framing else (str(len(data)), None)
    assert (got["size"], got.get("length"), got.get("coding")) == (len(data), length, coding)
    assert got["hash"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("framing", [(), CHUNKED], ids=["counted", "chunked"])
def test_an_uploaded_file_is_whole(hosts: Hosts, nginx: Nginx, upload: Path, framing: tuple[str, ...]) -> None:
    """PUT to nginx, which writes a file."""
    target = nginx.root / "put.bin"
    target.unlink(missing_ok=True)
    assert told(curl(hosts.http, *framing, *SILENT, "-T", str(upload), url("nginx", "put.bin"))) == ["201 1"]
    assert target.read_bytes() == upload.read_bytes()


@pytest.mark.parametrize("expects", [EXPECTING, UNEXPECTING], ids=["expecting", "at-once"])
@pytest.mark.parametrize("page", [url("nginx", "narrow/put.bin"), url("node", "early"), url("node", "early/kept")])
def test_an_answer_before_the_body_is_done_arrives(
    hosts: Hosts, tmp_path: Path, page: str, expects: tuple[str, ...]
) -> None:
    """413 for 5 MiB of which the server reads nothing: curl gets it, whether it sends on meanwhile or waits."""
    file = tmp_path / "upload"
    file.write_bytes(b"x" * 5 * MIB)
    for _ in range(5):
        assert told(curl(hosts.http, *expects, *SILENT, "-T", str(file), page)) == ["413 1"]


def test_trailers_pass_both_ways(hosts: Hosts) -> None:
    """But for those that would be read too late, or by nobody (RFC 9110, section 6.5.1)."""
    with Visitor(hosts.http) as visitor:
        visitor.ask("/hash", "node.example", "Transfer-Encoding: chunked", "Trailer: X-Sum", method="POST")
        visitor.send(b"3\r\nabc\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n")
        got = json.loads(visitor.answer().body)
        assert (got["hash"], got["trailers"]) == (hashlib.sha256(b"abc").hexdigest(), {"x-sum": "7"})
        answer = visitor.get("/trailers", "node.example", "TE: trailers", "Connection: TE")
        assert (answer.body, answer.trailers) == (b"a body", {b"x-sum": b"42"})


# Bodies down ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(), ("--http1.0",)], ids=["1.1", "1.0"])
def test_64_mib_in_chunks_are_whole(hosts: Hosts, version: tuple[str, ...]) -> None:
    """Node's stream has the right hash; a client of HTTP/1.0 gets it without chunks."""
    got = curl(hosts.http, *version, url("node", "stream/64"))
    blocks = (hashlib.sha256(str(number).encode()).digest() * (MIB // 32) for number in range(64))
    assert hashlib.blake2b(got).digest() == hashlib.blake2b(b"".join(blocks)).digest()


def test_64_mib_of_a_file_are_whole(hosts: Hosts, nginx: Nginx) -> None:
    """The file has the right hash."""
    data = random.Random(8).randbytes(MIB) * 64
    (nginx.root / "64.bin").write_bytes(data)
    assert hashlib.blake2b(curl(hosts.http, url("nginx", "64.bin"))).digest() == hashlib.blake2b(data).digest()
    (nginx.root / "64.bin").unlink()


@STATIC
@pytest.mark.parametrize(
    ("wanted", "start", "end"), [("0-0", 0, 1), ("1000-70000", 1000, 70001), ("-500", 4 * MIB - 500, 4 * MIB)]
)
def test_a_range_is_that_part(hosts: Hosts, payload: bytes, name: str, wanted: str, start: int, end: int) -> None:
    """206 with the right bytes, and the words that say which."""
    with Visitor(hosts.http) as visitor:
        answer = visitor.get("/large.bin", f"{name}.example", f"Range: bytes={wanted}")
    assert (answer.status, answer.body) == (206, payload[start:end])
    assert answer.fields[b"content-range"] == b"bytes %d-%d/%d" % (start, end - 1, len(payload))


@STATIC
def test_a_download_goes_on_where_it_was_cut(hosts: Hosts, payload: bytes, name: str, tmp_path: Path) -> None:
    """`curl -C -` has the first half, and gets the second."""
    file = tmp_path / "half"
    file.write_bytes(payload[: 2 * MIB])
    said = curl(hosts.http, *CODES_AND_CONNECTIONS, "-C", "-", "-o", str(file), url(name, "large.bin"))
    assert told(said) == ["206 1"]
    assert file.read_bytes() == payload


@STATIC
def test_what_has_not_changed_is_not_sent(hosts: Hosts, payload: bytes, name: str) -> None:
    """304 by ETag and by date, 416 beyond the end, HEAD: none has a body, and the connection serves on after each."""
    with Visitor(hosts.http) as visitor:
        host = f"{name}.example"
        visitor.ask("/large.bin", host, method="HEAD")
        first = visitor.answer("HEAD")
        assert int(first.fields[b"content-length"]) == len(payload)
        tag, date = first.fields[b"etag"].decode(), first.fields[b"last-modified"].decode()
        assert visitor.get("/large.bin", host, f"If-None-Match: {tag}").status == 304
        assert visitor.get("/large.bin", host, f"If-Modified-Since: {date}").status == 304
        assert visitor.get("/large.bin", host, f"Range: bytes={len(payload)}-").status == 416
        assert visitor.get("/large.bin", host, 'If-None-Match: "other"').body == payload


@EVERY
def test_a_client_of_http_1_0_is_served(hosts: Hosts, name: str) -> None:
    """It gets the page; its connection is kept where it asks for that, and only there."""
    ask = ("--http1.0", *SILENT, url(name, "page?[1-3]"))
    assert told(curl(hosts.http, *ask)) == ["200 1"] * 3
    assert told(curl(hosts.http, "-H", "Connection: keep-alive", *ask)) == ["200 1", "200 0", "200 0"]
    assert curl(hosts.http, "--http1.0", url(name, "page")).decode() == f"{name}'s page\n"
