"""Names in DNS: what is asked for, what an answer says, how long it holds, when it is asked again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.policy.names import (
    BY_TCP,
    LONGEST,
    LONGEST_PAUSE,
    MOST_ALIASES,
    PAYLOAD,
    SHORTEST,
    Endpoint,
    Found,
    HostAnswer,
    Lack,
    Way,
    candidates,
    carried,
    endpoints,
    holds,
    is_localhost,
    pause,
    read,
    rounds,
    together,
)
from pumpproxy.wire.dnsmessage import NOERROR, NXDOMAIN, Question, Record, RecordType, Response, Service
from pumpproxy.wire.resolvconf import ResolvConf

CLUSTER = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")
POD = ResolvConf(search=CLUSTER, ndots=5)
A, AAAA, CNAME, SRV = RecordType.A, RecordType.AAAA, RecordType.CNAME, RecordType.SRV
ASKED = Question("app.example", A)


def said(*records: Record, code: int = NOERROR, truncated: bool = False) -> Response:
    """An answer to ASKED."""
    return Response(1, ASKED, code, truncated, records)


@pytest.mark.parametrize(
    ("name", "conf", "expected"),
    [
        ("web", POD, ("web.shop.svc.cluster.local", "web.svc.cluster.local", "web.cluster.local", "web")),
        ("_https._tcp.web", POD, (*(f"_https._tcp.web.{domain}" for domain in CLUSTER), "_https._tcp.web")),
        ("a.b.c.d.e.f", POD, ("a.b.c.d.e.f", *(f"a.b.c.d.e.f.{domain}" for domain in CLUSTER))),
        ("app.example", ResolvConf(), ("app.example",)),
        ("app.example", ResolvConf(search=("corp.example",)), ("app.example", "app.example.corp.example")),
        ("app", ResolvConf(search=("corp.example",)), ("app.corp.example", "app")),
        ("app", ResolvConf(search=("corp.example",), ndots=0), ("app", "app.corp.example")),
        ("app", ResolvConf(search=("a.example", "a.example")), ("app.a.example", "app")),
    ],
)
def test_a_name_may_stand_for_another(name: str, conf: ResolvConf, expected: tuple[str, ...]) -> None:
    """In a domain of the search list, which is looked at first where the name has few dots."""
    assert candidates(name, conf) == expected


def test_an_absolute_name_stands_for_itself() -> None:
    """As one with a dot at its end does."""
    assert candidates("web", POD, absolute=True) == ("web",)


def test_what_gets_too_long_is_not_asked_for() -> None:
    """253 characters are all."""
    long = ".".join(["x" * 60] * 4)
    assert candidates(long, POD) == (long,)


@pytest.mark.parametrize(("name", "here"), [("localhost", True), ("app.localhost", True), ("notlocalhost", False)])
def test_localhost_never_leaves_this_host(name: str, *, here: bool) -> None:
    """Nor what is below it (RFC 6761)."""
    assert is_localhost(name) is here


def test_hosts_are_asked_for_by_udp() -> None:
    """With EDNS first, for who does not understand it without; as many rounds as the system wants, and two at least."""
    edns, plain = Way(by_tcp=False, payload=PAYLOAD), Way(by_tcp=False)
    assert rounds(ASKED, ResolvConf()) == (edns, plain)
    assert rounds(ASKED, ResolvConf(attempts=1)) == (edns, plain)
    assert rounds(ASKED, ResolvConf(attempts=4)) == (edns, plain, plain, plain)


def test_services_are_asked_for_by_tcp_first() -> None:
    """By UDP Consul names some of its hosts only, and does not say that there are more."""
    edns, plain = Way(by_tcp=False, payload=PAYLOAD), Way(by_tcp=False)
    assert rounds(Question("_a._tcp.b", SRV), ResolvConf()) == (BY_TCP, edns, plain)


def test_tcp_alone_where_the_system_says_so() -> None:
    """`options use-vc`."""
    conf = ResolvConf(use_vc=True, attempts=3)
    assert rounds(ASKED, conf) == rounds(Question("_a._tcp.b", SRV), conf) == (BY_TCP,) * 3


def test_addresses_come_once_and_in_their_order() -> None:
    """With the TTL of the record that is the first to go; others' are nobody's."""
    response = said(
        Record("app.example", A, 30, "192.0.2.2"),
        Record("app.example", A, 20, "192.0.2.1"),
        Record("app.example", A, 40, "192.0.2.2"),
        Record("app.example", AAAA, 1, "2001:db8::1"),
        Record("evil.example", A, 1, "203.0.113.66"),
    )
    assert read(response, ASKED) == Found(("192.0.2.2", "192.0.2.1"), 20)


def test_aliases_are_followed() -> None:
    """Wherever in the answer they stand; the TTL is the least of the chain's."""
    response = said(
        Record("c.example", A, 30, "192.0.2.1"),
        Record("b.example", CNAME, 10, "c.example"),
        Record("app.example", CNAME, 60, "b.example"),
    )
    assert read(response, ASKED) == Found(("192.0.2.1",), 10)


@pytest.mark.parametrize("length", [MOST_ALIASES, MOST_ALIASES + 1])
def test_a_chain_of_aliases_is_followed_so_far(length: int) -> None:
    """Up to its limit."""
    names = ["app.example", *(f"a{number}.example" for number in range(length))]
    chain = [Record(one, CNAME, 30, other) for one, other in pairwise(names)]
    found = read(said(*chain, Record(names[-1], A, 30, "192.0.2.1")), ASKED)
    assert found == (Found(("192.0.2.1",), 30) if length == MOST_ALIASES else Lack.MISSING)


@pytest.mark.parametrize(
    "records",
    [
        (),
        (Record("app.example", AAAA, 1, "2001:db8::1"),),
        (Record("app.example", CNAME, 1, "app.example"),),
        (Record("app.example", CNAME, 1, "b.example"), Record("b.example", CNAME, 1, "app.example")),
        (Record("app.example", CNAME, 1, "nowhere.example"),),
    ],
)
def test_an_answer_without_the_records_says_that_there_are_none(records: tuple[Record, ...]) -> None:
    """Also one whose aliases go in circles, or lead nowhere."""
    assert read(said(*records), ASKED) is Lack.MISSING


def test_a_name_that_does_not_exist_is_missing() -> None:
    """Whatever else the answer has: an alias may lead to one (RFC 6604)."""
    assert read(said(Record("app.example", CNAME, 1, "b.example"), code=NXDOMAIN), ASKED) is Lack.MISSING


@pytest.mark.parametrize("code", [1, 2, 4, 5, 15])
def test_a_nameserver_that_fails_says_nothing(code: int) -> None:
    """SERVFAIL, REFUSED and the like: another may know."""
    assert read(said(Record("app.example", A, 30, "192.0.2.2"), code=code), ASKED) is Lack.FAILED


def test_half_an_answer_is_none() -> None:
    """What is missing might be the most of it."""
    assert read(said(truncated=True), ASKED) is Lack.FAILED


FOUND4, FOUND6 = Found(("192.0.2.1", "192.0.2.2"), 50), Found(("2001:db8::1",), 70)


@pytest.mark.parametrize(
    ("six", "four", "expected"),
    [
        (FOUND6, FOUND4, HostAnswer(("2001:db8::1", "192.0.2.1", "192.0.2.2"), 50)),
        (Lack.MISSING, FOUND4, HostAnswer(("192.0.2.1", "192.0.2.2"), 50)),
        (FOUND6, Lack.MISSING, HostAnswer(("2001:db8::1",), 70)),
        # Nobody could say what is lacking: it is asked for again soon.
        (Lack.FAILED, FOUND4, HostAnswer(("192.0.2.1", "192.0.2.2"), LONGEST_PAUSE, frozenset({6}))),
        (FOUND6, Lack.SILENT, HostAnswer(("2001:db8::1",), LONGEST_PAUSE, frozenset({4}))),
        (Lack.MISSING, Lack.MISSING, Lack.MISSING),
        (Lack.MISSING, Lack.FAILED, Lack.FAILED),
        (Lack.SILENT, Lack.MISSING, Lack.SILENT),
    ],
)
def test_a_host_has_the_addresses_of_both_families(
    six: Found | Lack, four: Found | Lack, expected: HostAnswer | Lack
) -> None:
    """One is enough; a failure is not the same as there being none."""
    assert together({AAAA: six, A: four}) == expected


def test_ipv4_alone_is_a_host_too() -> None:
    """`options no-aaaa`."""
    assert together({A: FOUND4}) == HostAnswer(("192.0.2.1", "192.0.2.2"), 50)


def test_a_service_s_endpoints_are_hosts_with_ports() -> None:
    """Each once; what is no host name, or has no port, is none."""
    found = Found(
        (
            Service(10, 33, 8443, "10-244-1-5.web.example"),
            Service(10, 33, 8444, "10-244-1-5.web.example"),
            Service(20, 1, 8443, "10-244-1-5.web.example"),
            Service(10, 33, 0, "b.example"),
            Service(10, 33, 8443, "b\\046.example"),
            "192.0.2.1",
        ),
        5,
    )
    assert endpoints(found) == (
        Endpoint("10-244-1-5.web.example", 8443, 10, 33),
        Endpoint("10-244-1-5.web.example", 8444, 10, 33),
    )


def test_a_service_that_is_decidedly_not_there_has_no_endpoints() -> None:
    """RFC 2782: a target of ".", the root."""
    assert endpoints(Found((Service(0, 0, 0, ""),), 5)) == ()
    assert endpoints(Found((Service(0, 0, 80, ""),), 5)) == ()


def test_addresses_come_along_with_a_service() -> None:
    """Of the hosts that it names; whatever else came is not believed."""
    records = (
        Record("a.example", A, 30, "192.0.2.1"),
        Record("a.example", AAAA, 5, "2001:db8::1"),
        Record("a.example", A, 30, "192.0.2.1"),
        Record("evil.example", A, 30, "203.0.113.66"),
        Record("b.example", CNAME, 30, "a.example"),
    )
    assert carried(records, ["a.example", "b.example"]) == {"a.example": Found(("192.0.2.1", "2001:db8::1"), 5)}


@given(st.integers(0, 2**31 - 1))
def test_an_answer_holds_for_its_ttl(ttl: int) -> None:
    """A second at least, an hour at most."""
    assert SHORTEST <= holds(ttl) <= LONGEST
    assert holds(ttl) in (ttl, SHORTEST, LONGEST)
    assert (SHORTEST, LONGEST) == (1.0, 3600.0)


def test_pauses_get_longer() -> None:
    """A few seconds first, half a minute at last, and never more."""
    assert [pause(failures) for failures in (1, 2, 3, 4, 5, 6, 10_000)] == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


NAMES = st.sampled_from(["app.example", "a.example", "b\\046.example", ""])
RECORDS = st.one_of(
    st.builds(Record, NAMES, st.just(A), st.integers(0, 2**31 - 1), st.sampled_from(["192.0.2.1", "192.0.2.2"])),
    st.builds(Record, NAMES, st.just(CNAME), st.integers(0, 2**31 - 1), NAMES),
    st.builds(
        Record,
        NAMES,
        st.just(SRV),
        st.integers(0, 2**31 - 1),
        st.builds(Service, st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 65535), NAMES),
    ),
)


@given(st.lists(RECORDS, max_size=12), st.sampled_from([A, AAAA, SRV]), st.integers(0, 15))
def test_any_answer_means_something(records: list[Record], kind: RecordType, code: int) -> None:
    """Nothing is raised, whatever the records; what is found is data of the type that was asked for, and usable."""
    question = Question("app.example", kind)
    found = read(Response(1, question, code, truncated=False, answers=tuple(records)), question)
    if isinstance(found, Lack):
        return
    assert found.data
    assert 0 <= found.ttl <= max(record.ttl for record in records)
    assert all(isinstance(one, Service) == (kind is SRV) for one in found.data)
    assert all(endpoint.port and "\\" not in endpoint.host for endpoint in endpoints(found))
    assert set(carried(records, ["a.example"])) <= {"a.example"}
