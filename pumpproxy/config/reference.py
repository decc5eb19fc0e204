"""docs/configuration.md, written from the schema: `python -m pumpproxy.config.reference > docs/configuration.md`.

May not: say of a key, or of a word of a server's line, what its row does not say.
"""

from __future__ import annotations

import sys
import textwrap

from pumpproxy.config import haproxy, schema, serverwords
from pumpproxy.config.option import ALL, Kind, Named, Option, Row

_WIDTH = 118
"""Columns of the page's source."""

READING = """\
# The configuration file

<!-- Written by `python -m pumpproxy.config.reference`; change the schema, not this page. -->

One INI file says what is routed where. `pumpproxy check` reads it and does nothing else.

## How it is read

- The file is UTF-8. A section is a name in brackets; below it stand its keys, `key = value`, with `=` as the only
  delimiter.
- `#` and `;` start a comment at the start of a line or after white space.
- A line that is indented further than its key continues the value: a list is separated by white space, on one line or
  several. A section may be indented as a whole.
- There are `[global]`, `[defaults]`, `[frontend NAME]` and `[backend NAME]`. What stands in `[defaults]`, wherever in
  the file that is, holds for every frontend and backend that knows the key and does not give it itself; where the key
  is of another mode than the section's, it is not used.
- Names of sections and servers consist of letters, digits and `_ . : -`; their case matters. A backend cannot be
  called as an action is.
- Durations need a unit: `250ms`, `5s`, `1m`, `1h`, `1d`; up to 24 days, and never zero. Booleans are `yes`, `true`,
  `on` and `no`, `false`, `off`.
- Whatever is not understood is an error, and all errors of a file are shown at once, as `FILE:LINE: [section] key:
  what is wrong (hint)`. With an error nothing starts, and a reload keeps the configuration that runs. What is probably
  not meant is a warning.
- A reload (SIGHUP) reads the file again. It concerns what comes after it: running connections stay where they are.

`etc/proxy.ini` is a whole example.

## Addresses

| form | `bind` | server | |
| --- | --- | --- | --- |
| `*:443` | yes | | every address of this host, IPv4 and IPv6 |
| `0.0.0.0:443`, `[::]:443` | yes | | every IPv4 address; every IPv6 address, and no IPv4 |
| `192.0.2.1:443`, `[2001:db8::1]:443` | yes | yes | one address |
| `unix:/run/app.sock` | yes | yes | a socket in the file system |
| `systemd:NAME` | yes | | a listening socket that systemd hands over, by its `FileDescriptorName=` |
| `name.example:443` | | yes | a DNS name, asked for again while the service runs |
| `srv:_https._tcp.name.example` | | yes | a service whose SRV records name hosts and ports, asked for again too |

Ports are 1 to 65535.

## Names of servers

They are looked for as the system does, but never waited for by anybody else: in /etc/hosts, then at the nameservers of
/etc/resolv.conf (or of `nameservers`), in the domains of its `search` list where a name has fewer dots than its `ndots`
says. A dot at the end, `name.example.:443`, makes a name whole: it is looked for in no domain. Of resolv.conf's options
`ndots`, `timeout`, `attempts`, `rotate`, `use-vc` and `no-aaaa` are obeyed; both files are read again when they change.
nsswitch.conf and gai.conf are not looked at.

A name is asked for at the start, and again when its answer ends (after its TTL: a second at least, an hour at most).
If nobody answers, or the answer is that there is nothing, what was known stays, and the name is asked for again after
2, 4, 8, 16 and then every 30 seconds. A change is logged. A host's addresses, IPv6 and IPv4, are one server: they are
tried in the order of RFC 6724, each a quarter of a second after the one before.

A service, `srv:...`, stands for as many servers as it has SRV records (RFC 2782), each with all that the line says.
They are called `NAME@HOST:PORT`, in the log too. Those of the lowest priority are used, the others are `backup`. Their
weights are the records', where the line does not say `weight=0`; above 256 they are scaled down. `cookie=VALUE`
becomes a value of its own for each. `use-server` cannot name one of them. Until the first answer there is one server,
without an address. SRV records are asked for by TCP first, so that none are left out.

## Routes

`route HOST = TARGET` in a frontend. HOST is

- a name, `example.org`;
- `*.example.org`: all names below it, one label or more;
- `.example.org`: the same, and `example.org` itself;
- `~REGEX`: a Python regular expression, matched against the whole name.

TARGET is a backend, or one of the actions `reject`, `drop` and `redirect https` (see the key `route`).

In `mode = http` a path may follow HOST, and takes what begins with it: `example.org/.well-known/acme-challenge/`. In
`mode = tls` a condition may follow it, for hellos that offer a protocol: `route example.org if alpn acme-tls/1 =
certbot`.

Which route wins does not depend on the order in the file: an exact name beats the longest wildcard, which beats the
first regular expression that matches, which beats the default; among the routes of one name the longest path wins,
and one with a condition beats one without. Of `*.example.org` and `.example.org` the first wins, and of two
conditions that both hold the protocol that comes first in the alphabet.

Names are compared in one spelling on both sides: lower case, A-labels (`xn--...`), no final dot. A name with other
letters may be written as it is read, `bücher.example`.

A route line splits at its last ` = `, and in one by regular expression `#` and `;` begin no comment. Because the peer
chooses the name that a regular expression is tried on, one that could take long is refused: unbounded repetition
inside unbounded repetition, repetition of what can match the same letters in two ways, and more than three parts in a
row that can each match anything.
"""

SERVERS = """\
## Servers

`server NAME = ADDRESS WORD...` in a backend. The words stand in any order, each of them once:

| word | default | |
| --- | --- | --- |
"""

TITLES = {
    Kind.GLOBAL: "## `[global]`\n",
    Kind.FRONTEND: "## `[frontend NAME]`\n",
    Kind.BACKEND: "## `[backend NAME]`\n",
}

HAPROXY = """\
## Coming from HAProxy

A section's name stands in brackets, a value after `=`, and words of a key are joined by a hyphen. Of what a
`haproxy.cfg` for this purpose has:

| haproxy.cfg | here |
| --- | --- |
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [READING, SERVERS + "".join(map(_line, serverwords.WORDS))]
    for kind, title in TITLES.items():
        parts += [title, *(_entry(row) for row in schema.ROWS if row.kind is kind)]
    return "\n".join([*parts, HAPROXY + equivalents()])


def equivalents() -> str:
    """The rows of the table of HAProxy's words."""
    table = "".join(f"| `{theirs}` | {ours} |\n" for theirs, ours in haproxy.EQUIVALENTS.items())
    table += "".join(f"| `server ... {theirs}` | {ours} |\n" for theirs, ours in haproxy.ON_SERVERS.items())
    return table + "".join(f"| `{theirs}` | comes with a later version |\n" for theirs in haproxy.LATER)


def _line(word: serverwords.Word) -> str:
    default = f"`{word.default}`" if word.default else word.unset
    return f"| `{_cell(word.form)}` | {default} | {_cell(word.doc)} |\n"


def _cell(text: str) -> str:
    """Within a table, where a bar of the text's own would end the cell."""
    return text.replace("|", "\\|")


def form(row: Row) -> str:
    """A key and its value, as they are written."""
    argument = f" {row.argument}" if isinstance(row, Named) else ""
    return f"`{row.key}{argument}` = {row.value}"


def facts(row: Row) -> str:
    """What is to be known of every key, in one line."""
    default = f"`{row.default}`" if isinstance(row, Option) and row.default else row.unset
    found = [f"default: {default}"] if default else []
    found += [] if row.modes == ALL else [f"only in mode {' or '.join(sorted(mode.value for mode in row.modes))}"]
    found += ["also in `[defaults]`"] if isinstance(row, Option) and row.inherited else []
    return "; ".join([*found, f"reload: {row.reload}"])


def _entry(row: Row) -> str:
    doc = textwrap.fill(row.doc, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return f"### {form(row)}\n\n*{facts(row)}*\n\n{doc}\n"


if __name__ == "__main__":
    sys.stdout.write(page())
