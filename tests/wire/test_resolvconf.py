"""resolv.conf and hosts as the C library reads them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.wire.resolvconf import ResolvConf, read_hosts, read_resolv_conf

KUBERNETES = """\
search shop.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
options ndots:5
"""


@pytest.mark.parametrize(
    ("text", "conf"),
    [
        ("", ResolvConf()),
        (KUBERNETES,
         ResolvConf(nameservers=("10.96.0.10",), ndots=5,
                    search=("shop.svc.cluster.local", "svc.cluster.local", "cluster.local"))),
        ("nameserver 192.0.2.1\nnameserver\t2001:db8::1 # ours\nnameserver fe80::1%eth0\nnameserver 192.0.2.4",
         ResolvConf(nameservers=("192.0.2.1", "2001:db8::1", "fe80::1%eth0"))),
        # What is no address is nobody's; without any it is this host.
        ("nameserver ns.example\nnameserver\nnameserver 192.0.2\n", ResolvConf(nameservers=("127.0.0.1",))),
        # The keyword begins the line; comments do not.
        (" nameserver 192.0.2.1\n# nameserver 192.0.2.2\n;nameserver 192.0.2.3\nNameserver 192.0.2.4\n", ResolvConf()),
        ("nameserver 192.0.2.1\r\n", ResolvConf(nameservers=("192.0.2.1",))),
        # The last of `domain` and `search` holds; the root (systemd) is none, and so is what is no name.
        ("domain a.example\nsearch b.example. C.example", ResolvConf(search=("b.example", "c.example"))),
        ("search b.example c.example\ndomain a.example d.example", ResolvConf(search=("a.example",))),
        ("search b.example\nsearch\ndomain", ResolvConf(search=("b.example",))),
        ("search .", ResolvConf()),
        ("search a.example b/example \xe4.example", ResolvConf(search=("a.example",))),
        ("options timeout:3 attempts:4\noptions rotate use-vc no-aaaa ndots:2",
         ResolvConf(timeout=3.0, attempts=4, ndots=2, rotate=True, use_vc=True, no_aaaa=True)),
        # Silently capped.
        ("options timeout:31 attempts:6 ndots:16", ResolvConf(timeout=30.0, attempts=5, ndots=15)),
        ("options timeout:0 attempts:0 ndots:0", ResolvConf(timeout=1.0, attempts=1, ndots=0)),
        ("options timeout: attempts:x ndots:-1 ndots edns0 trust-ad unknown:3", ResolvConf()),
        ("options ndots:2 ndots:3\noptions ndots:x", ResolvConf(ndots=3)),
        ("sortlist 192.0.2.0/24\nfamily inet6\n", ResolvConf()),
    ],
)  # fmt: skip
def test_a_file_is_read(text: str, conf: ResolvConf) -> None:
    """Line by line; what the C library passes over is passed over."""
    assert read_resolv_conf(text) == conf


@pytest.mark.parametrize(
    ("text", "hostname", "search"),
    [
        ("", "web1.corp.example", ("corp.example",)),
        ("", "web1", ()),
        ("", "", ()),
        ("domain a.example", "web1.corp.example", ("a.example",)),
        ("search .", "web1.corp.example", ()),
    ],
)
def test_without_a_domain_it_is_the_host_s_own(text: str, hostname: str, search: tuple[str, ...]) -> None:
    """As resolv.conf(5) says."""
    assert read_resolv_conf(text, hostname).search == search


HOSTS = """\
127.0.0.1\tlocalhost
::1 localhost ip6-localhost  # here
192.0.2.1 app.example app
# 192.0.2.2 app
192.0.2.3 other #app
192.0.2.4 myapp app.example.com app-1
  192.0.2.5   other  app
192.0.2.1 app
app app
192.0.2 app
fe80::1%lo app
10.0.0.1
"""


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("app", ("192.0.2.1", "192.0.2.5", "fe80::1%lo")),
        ("app.example", ("192.0.2.1",)),
        ("localhost", ("127.0.0.1", "::1")),
        ("ip6-localhost", ("::1",)),
        ("here", ()),
        ("10.0.0.1", ()),
        ("example", ()),
    ],
)
def test_a_name_has_all_its_lines(name: str, addresses: tuple[str, ...]) -> None:
    """Whole names only, and no comments; each address once."""
    assert read_hosts(HOSTS, name) == addresses
    assert read_hosts(HOSTS.rstrip("\n"), name) == addresses


WORDS = st.sampled_from(["192.0.2.1", "::1", "a", "b", ".", " ", "\t", "#", "\n"])


def is_address(word: str) -> bool:
    """Whether the standard library takes it for one."""
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


@given(st.lists(WORDS, max_size=40).map("".join), st.sampled_from(["a", "b", "ab", "a.b"]))
def test_it_is_found_as_by_splitting_the_lines(text: str, name: str) -> None:
    """Whatever the file: looking for the name misses no line, and takes no other."""
    fields = [line.partition("#")[0].split() for line in text.split("\n")]
    expected = [line[0] for line in fields if name in line[1:] and is_address(line[0])]
    assert list(read_hosts(text, name)) == list(dict.fromkeys(expected))


@given(st.text(max_size=200), st.text(max_size=40))
def test_any_text_is_a_file(text: str, hostname: str) -> None:
    """Nothing is raised, and what comes out can be used."""
    conf = read_resolv_conf(text, hostname)
    assert 1 <= len(conf.nameservers) <= 3
    assert (1 <= conf.timeout <= 30, 1 <= conf.attempts <= 5, 0 <= conf.ndots <= 15) == (True, True, True)
    read_hosts(text, "a")
