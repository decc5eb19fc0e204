"""Which server a request's cookie names, what the request is sent on with, and what its answer says.

Most rows were seen of HAProxy 2.6.12, with the letters that its log had; where ours are better, it is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.model import CookieMode, PersistenceCookie, Redispatch
from pumpproxy.policy import persistence
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.persistence import MOST_AHEAD, Answered, Asked, Persistence
from pumpproxy.policy.request import Request
from pumpproxy.wire.cookiemarks import Visit, write_visit
from pumpproxy.wire.http1 import RequestReader, ResponseReader
from tests.policy.declared import pool, server

if TYPE_CHECKING:
    from pumpproxy.policy.pool import Pool

EPOCH = 1_700_000_000.0
NOW = 1000.0
WALL = 1_700_001_000
"""A multiple of four: what a date tells exactly."""
PREFIX = PersistenceCookie("J", CookieMode.PREFIX)
INSERT = PersistenceCookie("J", CookieMode.INSERT)
INDIRECT = PersistenceCookie("J", CookieMode.INSERT, indirect=True)
REWRITE = PersistenceCookie("J", CookieMode.REWRITE)
USE_SERVER = (("x.example", "a"),)


def site(rule: PersistenceCookie = PREFIX, **fields: object) -> Pool:
    """Servers a and b of the values A and B, c (C) of weight 0, d (D) drained, e (E) disabled, f without a value."""
    return pool(
        server("a", 1, cookie="A"),
        server("b", 2, cookie="B"),
        server("c", 3, cookie="C", weight=0),
        server("d", 4, cookie="D", drain=True),
        server("e", 5, cookie="E", disabled=True),
        server("f", 6, weight=0),
        **{"cookie": rule, "use_server": (("f.example", "f"), *USE_SERVER)} | fields,
    )


class Told:
    """A request with these Cookie lines, at its first server."""

    def __init__(
        self, *lines: bytes, rule: PersistenceCookie = PREFIX, host: str = "y.example", **fields: object
    ) -> None:
        head = RequestReader().feed(
            b"GET / HTTP/1.1\r\nHost: %b\r\n%b\r\n"
            % (host.encode(), b"".join(b"Cookie: %b\r\n" % one for one in lines))
        )
        assert head is not None
        self.persistence = Persistence(rule, site(rule, **fields), head, NOW, EPOCH)
        attempt = self.persistence.attempts.first()
        self.server = None if attempt is None else attempt.server.name

    @property
    def named(self) -> str | None:
        """The server that a cookie led to."""
        return self.server if self.persistence.asked is Asked.VALID else None

    @property
    def sent(self) -> list[bytes]:
        """The Cookie lines that the server gets."""
        return [value for name, value in self.persistence.head.fields if name == b"Cookie"]

    def fail(self) -> None:
        """Nobody is at the server that is tried."""
        attempt = self.persistence.attempts.failed(ConnectFailure.REFUSED)
        assert attempt is not None
        self.server = attempt.server.name

    def answer(self, *lines: bytes, status: int = 200, now: float = NOW) -> list[bytes]:
        """The Set-Cookie and Cache-Control lines that the client gets of an answer with these lines."""
        head = ResponseReader().feed(b"HTTP/1.1 %d OK\r\n%b\r\n" % (status, b"".join(b"%b\r\n" % one for one in lines)))
        assert head is not None
        passed = self.persistence.response(head, now)
        return [b"%b: %b" % one for one in passed.fields if one[0].lower() not in passed.connection]

    @property
    def letters(self) -> str:
        """As the log has them."""
        return self.persistence.asked.letter + self.persistence.answered.letter


# What a request names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "named", "letter", "sent"),
    [
        ([], None, "N", []),
        ([b"x=1"], None, "N", [b"x=1"]),
        ([b"j=A~1"], None, "N", [b"j=A~1"]),
        ([b"J"], None, "N", [b"J"]),
        ([b"J=A~1"], "a", "V", [b"J=1"]),
        ([b"J=B~1~2; x=1"], "b", "V", [b"J=1~2; x=1"]),
        ([b"a=1; J=A~v; b=2"], "a", "V", [b"a=1; J=v; b=2"]),
        ([b"J=A~"], "a", "V", [b"J="]),
        ([b"J = A~1"], "a", "V", [b"J = 1"]),
        ([b"J=Z~1"], None, "I", [b"J=1"]),
        ([b"J=~1"], None, "I", [b"J=1"]),
        ([b"J=a~1"], None, "I", [b"J=1"]),
        ([b"J=1"], None, "I", [b"J=1"]),
        # HAProxy follows this one; nobody of ours wrote it.
        ([b"J=A"], None, "I", [b"J=A"]),
        ([b"J=C~1"], "c", "V", [b"J=1"]),
        ([b"J=D~1"], "d", "V", [b"J=1"]),
        ([b"J=E~1"], None, "D", [b"J=1"]),
        ([b"J=A~1; J=B~2"], "a", "V", [b"J=1; J=2"]),
        ([b"J=Z~1; J=B~2"], "b", "V", [b"J=1; J=2"]),
        ([b"J=E~1; J=B~2"], "b", "V", [b"J=1; J=2"]),
        ([b"J=E~1; J=Z~2"], None, "D", [b"J=1; J=2"]),
        ([b"J=1; J=B~2"], "b", "V", [b"J=1; J=2"]),
        ([b"y=2", b"J=A~1", b"J=B~2; x=3"], "a", "V", [b"y=2", b"J=1", b"J=2; x=3"]),
        # HAProxy damages this one, and finds nobody.
        ([b'J="A~q v"'], "a", "V", [b'J="q v"']),
        # And here its reader does not come back from the quote: the server would get the prefix.
        ([b'x="; J=B~2'], "b", "V", [b'x="; J=2']),
        ([b'J=A~"; $Version=1'], "a", "V", [b'J="; $Version=1']),
        ([b"J=~; =x; ;;; J"], None, "I", [b"J=; =x; ;;; J"]),
    ],
)
def test_a_prefix_names_a_server_and_is_taken_off(
    lines: list[bytes], named: str | None, letter: str, sent: list[bytes]
) -> None:
    """Also where it names nobody; all else passes as it is, and the first name that can be followed is."""
    told = Told(*lines)
    assert (told.named, told.persistence.asked.letter, told.sent) == (named, letter, sent)
    assert told.server in ("a", "b", named)


@pytest.mark.parametrize("rule", [INSERT, REWRITE])
@pytest.mark.parametrize(
    ("lines", "named", "letter"),
    [
        ([b"J=A"], "a", "V"),
        ([b"x=1; J=B; y=2"], "b", "V"),
        ([b"J=B; J=A"], "b", "V"),
        ([b"J=Z", b"J=A"], "a", "V"),
        ([b"J=C"], "c", "V"),
        ([b"J=E"], None, "D"),
        ([b"J=Z"], None, "I"),
        ([b"J="], None, "I"),
        ([b"J=A~x"], None, "I"),
        ([b"J=A|abcde"], "a", "V"),
        ([b"J=A|"], "a", "V"),
        # HAProxy does not know its own value in quotes; RFC 6265 lets a client put them there.
        ([b'J="A"'], "a", "V"),
    ],
)
def test_a_cookie_names_a_server_and_passes(
    rule: PersistenceCookie, lines: list[bytes], named: str | None, letter: str
) -> None:
    """Without `indirect` the servers see it."""
    told = Told(*lines, rule=rule)
    assert (told.named, told.persistence.asked.letter, told.sent) == (named, letter, lines)


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        ([b"J=A"], []),
        ([b"J=Z"], []),
        ([b"J=A;"], []),
        ([b"J=A; J=B"], []),
        ([b"J=A; x=1"], [b"x=1"]),
        ([b"x=1;J=A;y=2"], [b"x=1;y=2"]),
        ([b"J=A", b"J=B", b"z=2"], [b"z=2"]),
        ([b"x=1"], [b"x=1"]),
    ],
)
def test_indirect_is_between_the_client_and_us(lines: list[bytes], sent: list[bytes]) -> None:
    """Valid or not, the server does not see it, and no line is left empty."""
    assert Told(*lines, rule=INDIRECT).sent == sent


def test_use_server_comes_before_a_cookie() -> None:
    """Which is then unused, and taken off all the same."""
    told = Told(b"J=B~1; J=Z~2", host="x.example")
    assert (told.server, told.persistence.asked, told.sent) == ("a", Asked.UNUSED, [b"J=1; J=2"])
    assert Told(b"x=1", host="x.example").persistence.asked is Asked.NONE


def test_a_request_that_names_nothing_is_sent_on_as_it_is() -> None:
    """The same head."""
    head = RequestReader().feed(b"GET / HTTP/1.1\r\nHost: y.example\r\nCookie: x=1\r\n\r\n")
    assert head is not None
    assert Persistence(PREFIX, site(), head, NOW, EPOCH).head is head


def test_a_backend_without_a_cookie_reads_none() -> None:
    """`begin` is asked by those that have one; elsewhere it changes nothing."""
    head = RequestReader().feed(b"GET / HTTP/1.1\r\nHost: y.example\r\nCookie: J=A~1\r\n\r\n")
    assert head is not None
    request = Request(NOW)
    assert persistence.begin(request, pool("a"), head, EPOCH) is head
    assert request.persistence is None
    assert persistence.begin(request, site(), head, EPOCH).fields[1] == (b"Cookie", b"J=1")
    assert request.persistence is not None


OTHERS = st.lists(
    st.tuples(st.sampled_from([b"j", b"JJ", b"a", b"$Path"]), st.text(alphabet='A~|=", \\\xe9', max_size=6)), max_size=4
)


@given(OTHERS, OTHERS, st.sampled_from([PREFIX, INSERT, INDIRECT, REWRITE]))
def test_other_cookies_pass_byte_for_byte(
    before: list[tuple[bytes, str]], after: list[tuple[bytes, str]], rule: PersistenceCookie
) -> None:
    """Before and behind, whatever is in them."""
    value = {PREFIX: b"A~v", INSERT: b"A", INDIRECT: b"A", REWRITE: b"A"}[rule]
    first, last = ([name + b"=" + text.encode("latin-1") for name, text in some] for some in (before, after))
    told = Told(b"; ".join([*first, b"J=" + value, *last]), rule=rule)
    left = {PREFIX: [b"J=v"], INSERT: [b"J=A"], INDIRECT: [], REWRITE: [b"J=A"]}[rule]
    expected = b"; ".join([*first, *left, *last]).strip(b" \t")
    assert b"\n".join(told.sent) == expected
    assert told.named == "a"


# What an answer says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "passed", "letters"),
    [
        ([], [], "VN"),
        ([b"Set-Cookie: J=1; Path=/"], [b"Set-Cookie: J=A~1; Path=/"], "VR"),
        ([b"set-cookie: J="], [b"set-cookie: J=A~"], "VR"),
        ([b"Set-Cookie: J = 1"], [b"Set-Cookie: J = A~1"], "VR"),
        ([b'Set-Cookie: J="q v"; Path=/'], [b'Set-Cookie: J="A~q v"; Path=/'], "VR"),
        ([b"Set-Cookie: J=A~1"], [b"Set-Cookie: J=A~A~1"], "VR"),
        ([b"Set-Cookie: J=2; Max-Age=0"], [b"Set-Cookie: J=A~2; Max-Age=0"], "VR"),
        (
            [b"Set-Cookie: J=1", b"Set-Cookie: K=2; J=3", b"Set-Cookie: J=2; Path=/x", b"Set-Cookie: j=3"],
            [b"Set-Cookie: J=A~1", b"Set-Cookie: K=2; J=3", b"Set-Cookie: J=A~2; Path=/x", b"Set-Cookie: j=3"],
            "VR",
        ),
        ([b"Set-Cookie: J"], [b"Set-Cookie: J"], "VN"),
        ([b"Set-Cookie: JJ=1"], [b"Set-Cookie: JJ=1"], "VN"),
        ([b"X: J=1"], [b"X: J=1"], "VN"),
    ],
)
def test_a_prefix_is_put_before_what_the_server_sets(given: list[bytes], passed: list[bytes], letters: str) -> None:
    """In every Set-Cookie of that very name; attributes and other lines stay."""
    told = Told(b"J=A~0")
    assert told.answer(*given) == passed
    assert told.letters == letters


@pytest.mark.parametrize(
    ("given", "passed", "letters"),
    [
        ([], [], "NN"),
        ([b"Set-Cookie: J=7; Path=/x"], [b"Set-Cookie: J=A; Path=/x"], "NR"),
        ([b'Set-Cookie: J="7"'], [b"Set-Cookie: J=A"], "NR"),
        (
            [b"Set-Cookie: J=7", b"Set-Cookie: K=2", b"Set-Cookie: J=8"],
            [b"Set-Cookie: J=A", b"Set-Cookie: K=2", b"Set-Cookie: J=A"],
            "NR",
        ),
        ([b"Set-Cookie: j=7"], [b"Set-Cookie: j=7"], "NN"),
    ],
)
def test_rewrite_puts_the_server_in_place_of_the_value(given: list[bytes], passed: list[bytes], letters: str) -> None:
    """Where the server sets the cookie, and only there."""
    told = Told(rule=REWRITE)
    assert told.answer(*given) == passed
    assert told.letters == letters


@pytest.mark.parametrize("rule", [PREFIX, REWRITE])
def test_a_server_without_a_value_sets_what_it_likes(rule: PersistenceCookie) -> None:
    """There is nothing to lead back to it."""
    told = Told(rule=rule, host="f.example")
    assert told.answer(b"Set-Cookie: J=1") == [b"Set-Cookie: J=1"]
    assert told.letters == "NP"


@pytest.mark.parametrize(
    ("asked", "given", "passed", "letters"),
    [
        ([], [], [b"Set-Cookie: J=A; path=/"], "NI"),
        ([b"J=A"], [], [], "VN"),
        ([b"J=Z"], [], [b"Set-Cookie: J=A; path=/"], "II"),
        ([b"J=E"], [], [b"Set-Cookie: J=A; path=/"], "DI"),
        ([b"J=A"], [b"Set-Cookie: J=7"], [], "VD"),
        ([], [b"Set-Cookie: J=7"], [b"Set-Cookie: J=A; path=/"], "NI"),
        (
            [],
            [b"Set-Cookie: J=7", b"Set-Cookie: K=2", b"Set-Cookie: J=8; Path=/x"],
            [b"Set-Cookie: K=2", b"Set-Cookie: J=A; path=/"],
            "NI",
        ),
        ([b"J=A"], [b"Set-Cookie: j=7", b"Set-Cookie: J"], [b"Set-Cookie: j=7", b"Set-Cookie: J"], "VN"),
        # Of another rule's time.
        ([b"J=A|AAAAB"], [], [b"Set-Cookie: J=A; path=/"], "VU"),
    ],
)
@pytest.mark.parametrize("rule", [INSERT, INDIRECT])
def test_a_cookie_is_inserted_where_none_leads_here(
    rule: PersistenceCookie, asked: list[bytes], given: list[bytes], passed: list[bytes], letters: str
) -> None:
    """And what the server sets of that name is taken away."""
    told = Told(*asked, rule=rule)
    assert told.answer(*given) == passed
    assert told.letters == letters


def test_what_use_server_decides_needs_no_cookie() -> None:
    """None is set; a server without a value takes away one that would lead elsewhere."""
    told = Told(b"J=B", rule=INDIRECT, host="x.example")
    assert (told.answer(), told.letters) == ([], "UN")
    told = Told(rule=INDIRECT, host="x.example")
    assert (told.answer(b"Set-Cookie: J=1"), told.letters) == ([], "ND")


def test_a_server_without_a_value_takes_the_cookie_away() -> None:
    """Nobody is led elsewhere from there; who has none is told nothing, which HAProxy does tell."""
    servers = (server("a", 1), server("b", 2, cookie="B", disabled=True))
    told = Told(b"J=B", rule=INSERT, servers=servers)
    gone = b"Set-Cookie: J=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"
    assert (told.server, told.answer(), told.letters) == ("a", [gone], "DI")
    told = Told(rule=INSERT, servers=servers)
    assert (told.answer(b"Set-Cookie: J=1"), told.letters) == ([], "ND")


def test_attributes_are_added_where_they_are_asked_for() -> None:
    """In HAProxy's order."""
    rule = PersistenceCookie("J", CookieMode.INSERT, httponly=True, secure=True)
    assert Told(rule=rule).answer() == [b"Set-Cookie: J=A; path=/; HttpOnly; Secure"]


@pytest.mark.parametrize(
    ("line", "added"),
    [
        (b"X: 1", True),
        (b"Cache-Control: max-age=60", True),
        (b"Cache-Control: public, s-maxage=5", True),
        (b"Expires: 0", True),
        (b"Cache-Control: max-age=9, Private", False),
        (b"cache-control: no-store", False),
        (b"Cache-Control: no-cache", False),
    ],
)
def test_nocache_keeps_an_inserted_cookie_out_of_caches(line: bytes, added: bool) -> None:  # noqa: FBT001
    """Where a cache might keep the answer for others; HAProxy sees to that only where it has a date."""
    rule = PersistenceCookie("J", CookieMode.INSERT, nocache=True)
    private = [b"Cache-Control: private"] if added else []
    assert Told(rule=rule).answer(line) == [line, b"Set-Cookie: J=A; path=/", *private]
    assert Told(b"J=A", rule=rule).answer(line) == [line]


def test_what_is_ours_passes_though_the_server_names_it_in_connection() -> None:
    """What is the server's under that name does not."""
    rule = PersistenceCookie("J", CookieMode.INSERT, nocache=True)
    lines = (b"Connection: Set-Cookie, X", b"X: 1", b"Set-Cookie: K=1", b"Y: 2")
    expected = [b"Y: 2", b"Set-Cookie: J=A; path=/", b"Cache-Control: private"]
    assert Told(rule=rule).answer(*lines)[1:] == expected
    assert Told(rule=PREFIX).answer(b"Connection: Set-Cookie", b"Set-Cookie: J=1", b"Y: 2")[1:] == [b"Y: 2"]


@pytest.mark.parametrize(("status", "added"), [(100, False), (103, False), (101, True), (304, True), (404, True)])
def test_an_interim_head_gets_no_cookie_of_ours(status: int, added: bool) -> None:  # noqa: FBT001
    """But what it sets itself is as in a final one: a client may take it from either."""
    cookie = [b"Set-Cookie: J=A; path=/"] if added else []
    assert Told(rule=INSERT).answer(b"Set-Cookie: J=1", status=status) == cookie
    assert Told(rule=PREFIX).answer(b"Set-Cookie: J=1", status=status) == [b"Set-Cookie: J=A~1"]


def test_the_last_head_is_the_one_that_is_told() -> None:
    """An interim one that set a cookie is forgotten."""
    told = Told(rule=PREFIX)
    told.answer(b"Set-Cookie: J=1", status=103)
    assert told.answer() == []
    assert told.letters == "NN"


# A server that is not there -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "cookie", "given", "passed"),
    [
        (PREFIX, b"J=A~1", [b"Set-Cookie: J=2"], [b"Set-Cookie: J=B~2"]),
        (REWRITE, b"J=A", [b"Set-Cookie: J=2"], [b"Set-Cookie: J=B"]),
        (INSERT, b"J=A", [], [b"Set-Cookie: J=B; path=/"]),
    ],
)
def test_the_last_attempt_goes_elsewhere_and_the_answer_says_so(
    rule: PersistenceCookie, cookie: bytes, given: list[bytes], passed: list[bytes]
) -> None:
    """With `redispatch`, after the others went to the server that was named; the log calls it DOWN, as HAProxy's."""
    told = Told(cookie, rule=rule, redispatch=Redispatch.YES, retries=2)
    told.fail()
    assert (told.server, told.persistence.asked) == ("a", Asked.VALID)
    told.fail()
    assert (told.server, told.persistence.asked) == ("b", Asked.DOWN)
    assert told.answer(*given) == passed


def test_whoever_comes_back_after_all_is_told_again() -> None:
    """HAProxy forgets that it was right at first; the cookie is the same."""
    told = Told(b"J=A", rule=INSERT, redispatch=1, retries=3)
    told.fail()
    told.fail()
    told.fail()
    assert told.server in ("a", "b")
    assert (told.answer(), told.letters) == ([b"Set-Cookie: J=%b; path=/" % told.server.upper().encode()], "DI")


# Dates --------------------------------------------------------------------------------------------------------------

IDLE = PersistenceCookie("J", CookieMode.INSERT, maxidle=60.0)
LIFE = PersistenceCookie("J", CookieMode.INSERT, maxlife=60.0)
BOTH = PersistenceCookie("J", CookieMode.INSERT, maxidle=30.0, maxlife=60.0)


def said(last: int | None = None, first: int | None = None, name: bytes = b"A") -> bytes:
    """A cookie of so many seconds ago (before, for less than none)."""
    ago = (None if seconds is None else WALL - seconds for seconds in (last, first))
    return b"J=" + write_visit(Visit(name, *ago))


@pytest.mark.parametrize(
    ("rule", "asked", "letters", "last", "first"),
    [
        (IDLE, None, "NI", 0, None),
        (IDLE, said(), "VU", 0, None),
        (IDLE, said(4), "VU", 0, None),
        (IDLE, said(60), "VU", 0, None),
        (IDLE, said(64), "EI", 0, None),
        (IDLE, said(0), "VN", None, None),
        (IDLE, said(-3600), "VN", None, None),
        (IDLE, said(-MOST_AHEAD), "VN", None, None),
        (IDLE, said(-MOST_AHEAD - 4), "EI", 0, None),
        (IDLE, said(4, 1000), "VU", 0, None),
        (IDLE, said(4, 4, b"Z"), "II", 0, None),
        (IDLE, said(100, None, b"Z"), "EI", 0, None),
        (IDLE, b"J=A|xx", "VU", 0, None),
        (LIFE, None, "NI", 0, 0),
        (LIFE, said(), "VU", 0, 0),
        (LIFE, said(100), "VU", 0, 0),
        (LIFE, said(0), "VU", 0, 0),
        (LIFE, said(4, 40), "VU", 0, 40),
        (LIFE, said(0, 40), "VN", None, None),
        (LIFE, said(4, 100), "OI", 0, 0),
        (LIFE, said(4, -MOST_AHEAD - 4), "OI", 0, 0),
        (LIFE, said(100, 4), "VU", 0, 4),
        (LIFE, said(4, 20, b"Z"), "II", 0, 20),
        (BOTH, said(40, 100), "OI", 0, 0),
        (BOTH, said(40, 4), "EI", 0, 0),
        (BOTH, said(4, 40), "VU", 0, 40),
        (INSERT, said(4), "VU", None, None),
        (INSERT, said(0), "VN", None, None),
        (INSERT, said(4, 4), "VU", None, None),
        (INSERT, said(100000), "VU", None, None),
    ],
)
def test_dates_end_a_cookie_and_are_renewed(
    rule: PersistenceCookie, asked: bytes | None, letters: str, last: int | None, first: int | None
) -> None:
    """`last` and `first`: of the cookie that is set, so many seconds ago."""
    told = Told(*([] if asked is None else [asked]), rule=rule)
    expected = [b"Set-Cookie: %b; path=/" % said(last, first)]
    assert told.answer() == ([] if letters.endswith("N") else expected)
    assert told.letters == letters


def test_a_date_is_that_of_the_answer() -> None:
    """Which may be long in coming; the age is that when the request came."""
    told = Told(said(60), rule=IDLE)
    assert told.answer(now=NOW + 100) == [b"Set-Cookie: %b; path=/" % said(-100)]


def test_a_cookie_that_is_over_leaves_the_next_one_its_turn() -> None:
    """With its own dates."""
    told = Told(said(4, 100), said(4, 40, b"B"), rule=LIFE)
    assert (told.named, told.answer()) == ("b", [b"Set-Cookie: %b; path=/" % said(0, 40, b"B")])


@pytest.mark.parametrize(("members", "letters"), [(Asked, "NIDVEOU"), (Answered, "NIUPRD")])
def test_the_letters_are_haproxys(members: type[Asked | Answered], letters: str) -> None:
    """Its manual, 8.5; each word once."""
    assert "".join(one.letter for one in members) == letters
    assert len({one.word for one in members}) == len(letters)
