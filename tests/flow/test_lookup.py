"""What a name stands for, asked once: which files, which names, which nameservers, in which order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.names import dns

from pumpproxy.flow import lookup as lookup_module
from pumpproxy.flow.lookup import HOSTS_HOLD, MOST_QUESTIONS, PORT, Lookup, ServiceAnswer
from pumpproxy.flow.resolvconf import SystemFiles
from pumpproxy.model import TcpAddress
from pumpproxy.policy.names import LONGEST, LONGEST_PAUSE, PAYLOAD, Endpoint, HostAnswer, Lack
from tests.fakes import unused_port
from tests.nameservers import LOOPBACK, Nameserver, Query, Zone, a, cname, srv

if TYPE_CHECKING:
    from pathlib import Path

    from twisted.internet.defer import Deferred

    from pumpproxy.interfaces import Reactor

APP = "app.example"
ZONE = Zone([a(APP, "192.0.2.1", 50), a(APP, "2001:db8::1", 70), a("other.example", "192.0.2.7")])
FOUND = HostAnswer(("2001:db8::1", "192.0.2.1"), 50.0)
WEB = "_https._tcp.web.shop.svc.cluster.local"
SEARCH = "search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"


class Asking:
    """A Lookup at these nameservers, with files of its own."""

    def __init__(self, folder: Path, *nameservers: Nameserver | TcpAddress, conf: str = "", hosts: str = "") -> None:
        (folder / "resolv.conf").write_text(f"options timeout:1\n{conf}")
        (folder / "hosts").write_text(hosts)
        files = SystemFiles(str(folder / "resolv.conf"), str(folder / "hosts"))
        self.lookup = Lookup(cast("Reactor", reactor), files)
        self.lookup.nameservers = tuple(one.place if isinstance(one, Nameserver) else one for one in nameservers)

    def host(self, name: str = APP, *, absolute: bool = False) -> Deferred[HostAnswer | Lack]:
        """Ask for a host."""
        return self.lookup.host(name, absolute=absolute)

    def service(self, name: str, *, absolute: bool = False) -> Deferred[ServiceAnswer | Lack]:
        """Ask for a service."""
        return self.lookup.service(name, absolute=absolute)


def fails(query: Query) -> list[bytes]:
    """SERVFAIL."""
    return [query.respond(code=dns.ESERVER)]


def silent(_query: Query) -> list[bytes]:
    """Nothing, by UDP; the end of the connection, on TCP."""
    return []


def open_sockets() -> int:
    """How many readers the reactor has."""
    return len(cast("Reactor", reactor).getReaders())


# Hosts --------------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_host_has_the_addresses_of_both_families(tmp_path: Path) -> None:
    """By one question each."""
    with Nameserver(ZONE) as server:
        assert await Asking(tmp_path, server).host() == FOUND
        assert sorted(server.asked) == [(APP, dns.A, False, PAYLOAD), (APP, dns.AAAA, False, PAYLOAD)]


@pytest_twisted.ensureDeferred
async def test_a_host_may_have_one_family_only(tmp_path: Path) -> None:
    """That is no failure."""
    with Nameserver(ZONE) as server:
        assert await Asking(tmp_path, server).host("other.example") == HostAnswer(("192.0.2.7",), 30.0)


@pytest_twisted.ensureDeferred
async def test_a_host_that_does_not_exist_is_missing(tmp_path: Path) -> None:
    """The next nameserver is not asked: this one knows."""
    with Nameserver(ZONE) as server, Nameserver(ZONE) as next_one:
        assert await Asking(tmp_path, server, next_one).host("nobody.example") is Lack.MISSING
        assert next_one.asked == []


@pytest_twisted.ensureDeferred
async def test_aliases_are_followed_and_never_in_circles(tmp_path: Path) -> None:
    """As far as the answer has them."""
    records = [cname("www.example", "app.example", 20), cname("one.example", "two.example")]
    records += [cname("two.example", "one.example"), cname("lost.example", "nobody.example")]
    with Nameserver(Zone(ZONE.records + records)) as server:
        asking = Asking(tmp_path, server)
        assert await asking.host("www.example") == FOUND._replace(holds=20.0)
        assert await asking.host("one.example") is Lack.MISSING
        assert await asking.host("lost.example") is Lack.MISSING


@pytest_twisted.ensureDeferred
async def test_a_ttl_of_zero_holds_a_second(tmp_path: Path) -> None:
    """As Consul has it."""
    with Nameserver(Zone([a(APP, "192.0.2.1", 0)])) as server:
        assert await Asking(tmp_path, server).host() == HostAnswer(("192.0.2.1",), 1.0)


@pytest_twisted.ensureDeferred
async def test_the_hosts_file_comes_first(tmp_path: Path) -> None:
    """Nobody is asked for a name that it has; it is looked at again soon."""
    with Nameserver(ZONE) as server:
        asking = Asking(tmp_path, server, hosts="192.0.2.99 app.example app\n2001:db8::99 app\n")
        assert await asking.host() == HostAnswer(("192.0.2.99",), HOSTS_HOLD)
        assert await asking.host("app") == HostAnswer(("192.0.2.99", "2001:db8::99"), HOSTS_HOLD)
        assert server.asked == []
        (tmp_path / "hosts").write_text("")
        assert await asking.host() == FOUND


@pytest_twisted.ensureDeferred
async def test_localhost_is_asked_of_nobody(tmp_path: Path) -> None:
    """The hosts file may know it otherwise."""
    with Nameserver(ZONE) as server:
        assert await Asking(tmp_path, server).host("a.localhost") == HostAnswer(("::1", "127.0.0.1"), LONGEST)
        asking = Asking(tmp_path, server, hosts="127.0.0.2 localhost\n")
        assert await asking.host("localhost") == HostAnswer(("127.0.0.2",), HOSTS_HOLD)
        assert server.asked == []


@pytest_twisted.ensureDeferred
async def test_a_name_with_few_dots_is_looked_for_in_domains(tmp_path: Path) -> None:
    """In their order; the first that has an address ends the search."""
    zone = Zone([a("web.svc.cluster.local", "192.0.2.1")])
    with Nameserver(zone) as server:
        asking = Asking(tmp_path, server, conf=SEARCH)
        assert await asking.host("web") == HostAnswer(("192.0.2.1",), 30.0)
        assert server.names == ["web.shop.svc.cluster.local", "web.svc.cluster.local"]
        server.asked.clear()
        assert await asking.host("web", absolute=True) is Lack.MISSING
        assert server.names == ["web"]


@pytest_twisted.ensureDeferred
async def test_a_domain_that_a_nameserver_fails_for_is_passed_over(tmp_path: Path) -> None:
    """As by the C library; where none of the others has it, it is not missing, for the failing one might."""

    def script(query: Query) -> list[bytes]:
        return fails(query) if query.name.endswith(".broken") else ZONE(query)

    with Nameserver(script) as server:
        asking = Asking(tmp_path, server, conf="search broken\noptions ndots:5\n")
        assert await asking.host() == FOUND
        assert await asking.host("nobody.example") is Lack.FAILED


@pytest_twisted.ensureDeferred
async def test_a_search_ends_with_silence(tmp_path: Path) -> None:
    """Nobody is there; the other names would only take as long again."""
    with Nameserver(silent) as server:
        asking = Asking(tmp_path, server, conf=SEARCH)
        assert await asking.host("web") is Lack.SILENT
        assert server.names == ["web.shop.svc.cluster.local"]


# Nameservers --------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_the_next_nameserver_is_asked_where_one_is_silent(tmp_path: Path) -> None:
    """Or is not there at all."""
    with Nameserver(silent) as first, Nameserver(ZONE) as second:
        gone = TcpAddress(LOOPBACK, unused_port())
        assert await Asking(tmp_path, first, gone, second).host() == FOUND
        assert len(first.asked) == len(second.asked) == 2


@pytest.mark.parametrize("code", [dns.EFORMAT, dns.ESERVER, dns.ENOTIMP, dns.EREFUSED])
@pytest_twisted.ensureDeferred
async def test_the_next_nameserver_is_asked_where_one_fails(tmp_path: Path, code: int) -> None:
    """It does not say that there is no such name."""
    with Nameserver(lambda query: [query.respond(code=code)]) as first, Nameserver(ZONE) as second:
        assert await Asking(tmp_path, first, second).host() == FOUND
        assert await Asking(tmp_path, first).host() is Lack.FAILED


@pytest.mark.parametrize("says_so", [True, False])
@pytest_twisted.ensureDeferred
async def test_who_does_not_understand_edns_is_asked_without(tmp_path: Path, *, says_so: bool) -> None:
    """Whether it says so, or says nothing."""

    def script(query: Query) -> list[bytes]:
        if query.payload:
            return [query.respond(code=dns.EFORMAT)] if says_so else []
        return ZONE(query)

    with Nameserver(script) as server:
        assert await Asking(tmp_path, server).host() == FOUND
        assert (APP, dns.A, False, 0) in server.asked


@pytest_twisted.ensureDeferred
async def test_all_are_asked_as_many_rounds_as_the_system_wants(tmp_path: Path) -> None:
    """`attempts`."""
    with Nameserver(fails) as first, Nameserver(fails) as second:
        asking = Asking(tmp_path, first, second, conf="options attempts:3 no-aaaa\n")
        assert await asking.host() is Lack.FAILED
        assert len(first.asked) == len(second.asked) == 3


@pytest_twisted.ensureDeferred
async def test_silence_is_told_from_failure(tmp_path: Path) -> None:
    """One that fails is there."""
    with Nameserver(silent) as first, Nameserver(fails) as second:
        assert await Asking(tmp_path, first).host() is Lack.SILENT
        assert await Asking(tmp_path, first, second).host() is Lack.FAILED


@pytest_twisted.ensureDeferred
async def test_nameservers_take_turns(tmp_path: Path) -> None:
    """`rotate`: the first question of each goes to another."""
    with Nameserver(ZONE) as first, Nameserver(ZONE) as second:
        asking = Asking(tmp_path, first, second, conf="options rotate no-aaaa\n")
        for _ in range(4):
            await asking.host()
        assert len(first.asked) == len(second.asked) == 2


@pytest_twisted.ensureDeferred
async def test_ipv6_addresses_are_not_asked_for(tmp_path: Path) -> None:
    """`no-aaaa`."""
    with Nameserver(ZONE) as server:
        assert await Asking(tmp_path, server, conf="options no-aaaa\n").host() == HostAnswer(("192.0.2.1",), 50.0)
        assert server.asked == [(APP, dns.A, False, PAYLOAD)]


@pytest_twisted.ensureDeferred
async def test_tcp_alone_may_be_asked_for(tmp_path: Path) -> None:
    """`use-vc`."""
    with Nameserver(ZONE) as server:
        assert await Asking(tmp_path, server, conf="options use-vc\n").host() == FOUND
        assert {by_tcp for _, _, by_tcp, _ in server.asked} == {True}


def test_without_nameservers_of_the_file_the_system_s_are_asked(tmp_path: Path) -> None:
    """On the port of DNS."""
    asking = Asking(tmp_path, conf="nameserver 192.0.2.53\nnameserver ::1\n")
    places = asking.lookup._places(asking.lookup._files.resolv_conf())
    assert places == (TcpAddress("192.0.2.53", 53), TcpAddress("::1", 53))
    assert PORT == 53


@pytest_twisted.ensureDeferred
async def test_a_family_that_is_never_answered_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some nameservers pass over questions for IPv6; the addresses that are there are used, and the rest asked soon."""
    monkeypatch.setattr(lookup_module, "OTHER_FAMILY", 0.1)

    def script(query: Query) -> list[bytes]:
        return [] if query.kind == dns.AAAA else ZONE(query)

    with Nameserver(script) as server:
        asking = Asking(tmp_path, server, conf="options timeout:30\n")
        began = time.monotonic()
        assert await asking.host() == HostAnswer(("192.0.2.1",), LONGEST_PAUSE, frozenset({6}))
        assert time.monotonic() - began < 20


@pytest_twisted.ensureDeferred
async def test_a_family_that_fails_is_said_to_be_lacking(tmp_path: Path) -> None:
    """So that what was known of it stays."""

    def script(query: Query) -> list[bytes]:
        return fails(query) if query.kind == dns.A else ZONE(query)

    with Nameserver(script) as server:
        answer = HostAnswer(("2001:db8::1",), LONGEST_PAUSE, frozenset({4}))
        assert await Asking(tmp_path, server).host() == answer


@pytest_twisted.ensureDeferred
async def test_what_fits_into_no_datagram_comes_by_tcp(tmp_path: Path) -> None:
    """All of it, from the same nameserver."""
    many = [a(APP, f"192.0.2.{number}") for number in range(1, 200)]
    with Nameserver(Zone(many)) as server:
        answer: HostAnswer | Lack = await Asking(tmp_path, server, conf="options no-aaaa\n").host()
        assert isinstance(answer, HostAnswer)
        assert len(answer.addresses) == 199
        assert server.asked == [(APP, dns.A, False, PAYLOAD), (APP, dns.A, True, 0)]


@pytest_twisted.ensureDeferred
async def test_half_an_answer_is_none(tmp_path: Path) -> None:
    """Where TCP is refused; but it is no silence."""
    many = [a(APP, f"192.0.2.{number}") for number in range(1, 200)]
    with Nameserver(Zone(many), tcp=False) as server:
        assert await Asking(tmp_path, server).host() is Lack.FAILED


@pytest_twisted.ensureDeferred
async def test_only_so_many_questions_are_under_way(tmp_path: Path) -> None:
    """The others wait; all get their answers."""
    count = MOST_QUESTIONS * 3
    zone = Zone([a(f"host{number}.example", "192.0.2.1") for number in range(count)])
    with Nameserver(zone) as server:
        asking = Asking(tmp_path, server)
        before = open_sockets()
        questions = [asking.host(f"host{number}.example") for number in range(count)]
        assert open_sockets() - before == MOST_QUESTIONS
        answers: list[HostAnswer | Lack] = await gatherResults(questions)
        assert answers == [HostAnswer(("192.0.2.1",), 30.0)] * count


# Services -----------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_service_has_endpoints(tmp_path: Path) -> None:
    """By TCP; with the addresses that came along. As CoreDNS answers for a headless service."""
    pods = [f"10-244-1-{number}.web.shop.svc.cluster.local" for number in (5, 6, 7)]
    zone = Zone(
        [srv(WEB, pod, 8443, 10, 33, 5) for pod in pods],
        [a(pod, pod.partition(".")[0].replace("-", "."), 5) for pod in pods],
    )
    with Nameserver(zone) as server:
        assert await Asking(tmp_path, server, conf=SEARCH).service(WEB) == ServiceAnswer(
            tuple(Endpoint(pod, 8443, 10, 33) for pod in pods),
            {pod: (f"10.244.1.{number}",) for pod, number in zip(pods, (5, 6, 7), strict=True)},
            5.0,
        )
        assert server.asked == [(WEB, dns.SRV, True, 0)]


@pytest_twisted.ensureDeferred
async def test_addresses_that_come_along_end_when_they_do(tmp_path: Path) -> None:
    """Before the service's own answer does, if that is so: nobody else asks for them."""
    with Nameserver(Zone([srv(WEB, "a.example", 443, ttl=600)], [a("a.example", "192.0.2.1", 20)])) as server:
        answer = await Asking(tmp_path, server).service(WEB)
        assert answer == ServiceAnswer((Endpoint("a.example", 443, 10, 1),), {"a.example": ("192.0.2.1",)}, 20.0)


@pytest_twisted.ensureDeferred
async def test_a_service_is_looked_for_in_domains_too(tmp_path: Path) -> None:
    """`srv:_https._tcp.web` is enough inside a cluster."""
    with Nameserver(Zone([srv(WEB, "a.example", 443)])) as server:
        asking = Asking(tmp_path, server, conf=SEARCH)
        answer = await asking.service("_https._tcp.web")
        assert answer == ServiceAnswer((Endpoint("a.example", 443, 10, 1),), {}, 30.0)
        assert server.names == [WEB]
        assert await asking.service("_https._tcp.web", absolute=True) is Lack.MISSING
        assert server.names == [WEB, "_https._tcp.web"]


@pytest_twisted.ensureDeferred
async def test_a_service_of_consul_is_whole(tmp_path: Path) -> None:
    """By UDP it would leave out, without a word, what is more than three."""
    name = "_web._tcp.service.consul"
    hosts = [f"c0a800{number:02x}.addr.dc1.consul" for number in range(1, 21)]
    zone = Zone(
        [srv(name, host, 8000, 1, 1, 0) for host in hosts],
        [a(host, f"192.168.0.{number}", 0) for number, host in enumerate(hosts, 1)],
        sloppy=True,
    )
    with Nameserver(zone) as server:
        answer = await Asking(tmp_path, server).service(name)
        assert isinstance(answer, ServiceAnswer)
        assert [endpoint.host for endpoint in answer.endpoints] == hosts
        assert answer.carried["c0a80014.addr.dc1.consul"] == ("192.168.0.20",)
        assert answer.holds == 1.0


@pytest_twisted.ensureDeferred
async def test_a_nameserver_without_tcp_is_asked_by_udp(tmp_path: Path) -> None:
    """Where TCP is refused, by who does DNS by UDP alone."""
    with Nameserver(Zone([srv(WEB, "a.example", 443)]), tcp=False) as server:
        answer = await Asking(tmp_path, server).service(WEB)
        assert answer == ServiceAnswer((Endpoint("a.example", 443, 10, 1),), {}, 30.0)
        assert server.asked == [(WEB, dns.SRV, False, PAYLOAD)]


@pytest_twisted.ensureDeferred
async def test_a_service_without_endpoints_is_missing(tmp_path: Path) -> None:
    """Whether there is no such name, no such record, or a record that says so (RFC 2782)."""
    with Nameserver(Zone([srv(WEB, "", 0), a("_a._tcp.example", "192.0.2.1")])) as server:
        asking = Asking(tmp_path, server)
        for name in (WEB, "_a._tcp.example", "_b._tcp.example"):
            assert await asking.service(name) is Lack.MISSING


@pytest_twisted.ensureDeferred
async def test_a_service_that_nobody_can_tell_of_is_not_missing(tmp_path: Path) -> None:
    """One fails, or is silent."""
    with Nameserver(fails) as first, Nameserver(silent) as second:
        assert await Asking(tmp_path, first).service(WEB) is Lack.FAILED
        assert await Asking(tmp_path, second).service(WEB) is Lack.SILENT
