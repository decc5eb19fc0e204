"""What is transferred: seeded streams that are never the same twice, and who says how much, how and when.

A plan is a pure function of its seed. May not: open a socket.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cache

BLOCK = 256 * 1024
"""A stream is made of blocks: each begins with whose it is and its number, so that no two are alike."""
LARGEST = 64 << 20
LARGEST_ONES = {2: 0, 3: 0, 4: 1, 5: 1}
"""Which side of which transfer says so much; these two are never reset."""
COUNT = 200
EDGES = (16 * 1024, 64 * 1024, 1 << 20, 2 << 20)
"""Where a relay changes what it does: a chunk, a buffer, a pipe."""
RESETS = 0.25
"""The share of transfers in which a side resets."""
CROWD = 8
"""Two of so many transfers are of the crowd: large both ways, and nobody of it reads until all of it are stuck."""


@cache
def _noise(seed: int) -> bytes:
    return random.Random(seed).randbytes((1 << 20) + BLOCK)


class Stream:
    """What one side says: an opening, then blocks up to `size` bytes in all."""

    def __init__(self, seed: int, number: int, side: int, size: int, opening: bytes = b"") -> None:
        self.size = size
        self._opening = opening
        self._noise = memoryview(_noise(seed))
        self._whose = number.to_bytes(4, "big") + side.to_bytes(4, "big")
        self._block = (-1, memoryview(b""))

    def at(self, offset: int) -> memoryview:
        """What stands there, up to the end of its block; nothing at the end of the stream."""
        if offset < len(self._opening):
            return memoryview(self._opening)[offset:]
        number, inside = divmod(offset - len(self._opening), BLOCK)
        if self._block[0] != number:
            head = self._whose + number.to_bytes(8, "big")
            start = int.from_bytes(head, "big") * 7919 % (1 << 20)
            self._block = (number, memoryview(head + self._noise[start : start + BLOCK - len(head)]))
        return self._block[1][inside : inside + self.size - offset]


@dataclass(frozen=True)
class Reset:
    """When a side resets: whichever comes first."""

    sent: int | None = None
    received: int | None = None
    finished: bool = False
    """Behind its own FIN."""
    stuck: bool = False
    """Instead of reading, when the whole crowd is stuck: what waits for it, and for the other, is in full pipes."""
    seconds: float | None = None


@dataclass(frozen=True)
class Role:
    """How a side behaves. Pauses are (after so many bytes, seconds)."""

    size: int
    chunk: int
    """Bytes that it sends at a time, at most; each piece is of another size."""
    rests: tuple[tuple[int, float], ...]
    """Pauses in sending."""
    dawdles: tuple[tuple[int, float], ...]
    """Pauses in reading."""
    buffer: int | None
    """Its receive buffer; None: as the kernel has it."""
    crowd: bool
    """It reads only when the whole crowd is stuck."""
    waits: bool
    """It closes its half only when the other has."""
    meets: bool
    """It closes its half only when something came through."""
    reset: Reset | None = None


@dataclass(frozen=True)
class Plan:
    """One transfer."""

    seed: int
    number: int
    mode: str
    opening: bytes
    """What the client says first; its size counts."""
    cut: int
    """Bytes of the opening that come alone, before the rest with what follows."""
    client: Role
    server: Role

    @property
    def name(self) -> str:
        """Its backend, and the first label of its name."""
        return f"t{self.number:04}"

    @property
    def frontend(self) -> str:
        """One for all hellos, and one each for those without."""
        return "tls" if self.opening else self.name

    def streams(self) -> tuple[Stream, Stream]:
        """The client's and the server's."""
        return (
            Stream(self.seed, self.number, 1, self.client.size, self.opening),
            Stream(self.seed, self.number, 2, self.server.size),
        )


def draw(seed: int, hellos: list[bytes], name: bytes) -> list[Plan]:
    """The transfers of a seed, half of them with one of these hellos in which `name` gives way to their own."""
    chance = random.Random(seed)
    return [_transfer(chance, seed, number, hellos, name) for number in range(COUNT)]


def _transfer(chance: random.Random, seed: int, number: int, hellos: list[bytes], name: bytes) -> Plan:
    opening = b""
    if number % 2:
        own = f"t{number:04}".encode() + name[5:]
        opening = chance.choice(hellos).replace(name, own)
    crowd = number % CROWD < 2
    sizes = [_size(chance, crowd=crowd) for _ in range(2)]
    if number in LARGEST_ONES:
        sizes[LARGEST_ONES[number]] = LARGEST
    if not opening and sizes == [0, 0]:
        sizes[1] = 1
    first = chance.choice(("client", "server", "both", "both"))
    resets: list[Reset | None] = [None, None]
    if number not in LARGEST_ONES and chance.random() < RESETS:
        side = chance.randrange(2)
        resets[side] = _reset(chance, sizes[side], sizes[1 - side], crowd=crowd)
    return Plan(
        seed=seed,
        number=number,
        mode="tls" if opening else "tcp",
        opening=opening,
        cut=chance.choice((0, 0, 1, 5, 60, len(opening))) if opening else 0,
        # A FIN while we connect is a goodbye, of a TLS client and of one that said nothing: nobody is there to lose it.
        client=replace(
            _role(chance, len(opening) + sizes[0], sizes[1], crowd=crowd),
            waits=first == "server",
            meets=bool(opening) or sizes[0] == 0,
            reset=resets[0],
        ),
        server=replace(
            _role(chance, sizes[1], sizes[0], crowd=crowd),
            waits=first == "client",
            reset=resets[1],
        ),
    )


def _size(chance: random.Random, *, crowd: bool) -> int:
    if crowd:
        # More than the kernel's own buffers on the way, 2.6 MiB on loopback, and a pipe.
        return chance.randrange(9 << 19, 5 << 20)
    kind = chance.random()
    if kind < 0.2:
        return 0
    if kind < 0.4:
        return chance.randrange(1, 2000)
    if kind < 0.6:
        return chance.choice(EDGES) * chance.randrange(1, 4) + chance.randrange(-2, 3)
    if kind < 0.98:
        return int(2048 * 2 ** (chance.random() * 10))
    return int((2 << 20) * 2 ** (chance.random() * 5))


def _reset(chance: random.Random, mine: int, theirs: int, *, crowd: bool) -> Reset:
    kind = chance.randrange(4)
    if crowd and kind < 2:
        return Reset(stuck=True)
    if kind == 0:
        return Reset(seconds=chance.choice((0.0, 0.001, chance.random())))
    if kind == 1:
        return Reset(sent=chance.choice((mine, chance.randint(0, mine))))
    if kind == 2:
        return Reset(received=chance.choice((theirs, chance.randint(0, theirs))))
    return Reset(finished=True)


def _role(chance: random.Random, size: int, other: int, *, crowd: bool) -> Role:
    # A few hundred pieces: many hundred of sides take turns.
    least = max(2, size // 200)
    chunk = BLOCK if crowd else max(least, chance.choice((2, 1400, 16 * 1024, 16 * 1024 + 1, 64 * 1024, BLOCK, BLOCK)))
    buffer = chance.choice((None, None, 4096, 64 * 1024)) if not crowd else 16 * 1024
    if buffer == 4096 and other > 256 * 1024:
        buffer = None
    return Role(
        size=size,
        chunk=chunk,
        rests=_pauses(chance, size),
        dawdles=_pauses(chance, other),
        buffer=buffer,
        crowd=crowd,
        waits=False,
        meets=False,
    )


def _pauses(chance: random.Random, size: int) -> tuple[tuple[int, float], ...]:
    places = sorted(chance.randint(0, size) for _ in range(chance.choice((0, 0, 1, 2, 5))))
    return tuple((place, chance.choice((0.0, 0.002, 0.05, 0.3))) for place in places)
