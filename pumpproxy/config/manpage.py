"""pumpproxy.ini(5), written from the schema: `python -m pumpproxy.config.manpage [DATE] > pumpproxy.ini.5`.

May not: say what docs/configuration.md does not say.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pumpproxy import __version__
from pumpproxy.config import reference, roff, schema, serverwords
from pumpproxy.config.load import DEFAULT_FILES
from pumpproxy.config.option import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "## NAME\n\npumpproxy.ini - the configuration file of pumpproxy(8)"

_END = f"""\
## FILES

| | |
| --- | --- |
| `{DEFAULT_FILES[0]}` | what is read where nobody names a file |
| `/var/lib/pumpproxy/last-good.ini` | the last one that was good, byte by byte, for a start at which the file is \
not: `--last-good` |

## SEE ALSO

`pumpproxy(8)`, `haproxy(1)`, `systemd.socket(5)`
"""


def page(date: str = "") -> str:
    """The whole page. `date`: of its foot."""
    lines = [*roff.head("pumpproxy.ini", 5, date, f"pumpproxy {__version__}")]
    lines += roff.body(f"{_NAME}\n\n## DESCRIPTION\n\n{reference.READING.partition('-->')[2]}")
    lines += roff.body(reference.SERVERS.partition("\n| word")[0])
    for word in serverwords.WORDS:
        default = f"`{word.default}`" if word.default else word.unset
        lines += roff.term(f"`{word.form}`", f"*default: {default}*".replace("`", ""), word.doc)
    for kind in Kind:
        lines += [*_section(kind)]
    lines += roff.body(f"{reference.HAPROXY}{reference.equivalents()}\n{_END}")
    return "\n".join(lines) + "\n"


def _section(kind: Kind) -> Iterator[str]:
    """The keys of a kind of section."""
    yield from roff.body(reference.TITLES[kind])
    for row in schema.ROWS:
        if row.kind is kind:
            yield from roff.term(reference.form(row), f"*{reference.facts(row)}*".replace("`", ""), row.doc)


if __name__ == "__main__":
    sys.stdout.write(page(*sys.argv[1:2]))
