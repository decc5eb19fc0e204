"""Streams drawn by chance, against h11 and a second reader: one reading, or a difference that is listed.

A run draws the same streams each time; `make soak` draws fresh ones. PUMPPROXY_SEED=n draws those of that seed alone.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from tests.sim import seeds
from tests.wire.differences import REQUESTS, RESPONSES, Difference, find
from tests.wire.h11reading import Read, h11_request, h11_response, our_request, our_response
from tests.wire.httpgrammar import requests
from tests.wire.httpstream import plain, read, serialise
from tests.wire.responsegrammar import response
from tests.wire.secondreader import meaning, second_reading

STREAMS = 2_500
"""Of requests, and as many of responses, a seed."""
SEEDS = 8
SOAKED = 80
"""Seeds of `make soak`: 200,000 streams of either kind."""


def differs(table: tuple[Difference, ...], data: bytes, ours: Read, theirs: Read) -> Difference | None:
    """Which difference there is; None for none. One that is not in the table is an AssertionError."""
    if ours.outcome == "taken" == theirs.outcome:
        for part in ("parts", "body", "interims", "size"):
            assert getattr(ours, part) == getattr(theirs, part), part
        assert theirs.keep_alive in {None, ours.keep_alive}
        return None if ours.trailers == theirs.trailers else find(table, "neither", "", data[: ours.size])
    if ours.outcome == theirs.outcome != "taken":
        return None
    if ours.outcome == "refused":
        seen = data[: theirs.size] if theirs.outcome == "taken" else data
        return find(table, "ours", ours.reason.removeprefix("trailers: "), seen)
    assert theirs.outcome == "refused", "one of them takes what is not complete to the other"
    return find(table, "h11", theirs.reason, data[: ours.size] if ours.outcome == "taken" else data)


def is_early(ours: Read, theirs: Read) -> bool:
    """Whether h11 has not looked yet at what we refuse: we look at each line, h11 at whole heads and size lines."""
    of_body = ours.reason.startswith(("malformed chunk", "trailers: "))
    return ours.outcome == "refused" and theirs.outcome == "unfinished" and (of_body or not theirs.parts)


def compare_requests(data: bytes, found: Counter[str]) -> None:
    """Each request of a stream, up to the first that is not taken by both."""
    reading, start = read([data]), 0
    for index in range(len(reading.requests) + 1):
        rest = data[start:]
        if not rest or (index and not reading.requests[index - 1].head.keep_alive):
            return
        ours, theirs = our_request(reading, index), h11_request(rest)
        if theirs.reason.startswith("no request line") and rest.startswith(b"\r\n"):
            found[find(REQUESTS, "h11", theirs.reason, rest).what] += 1
            if rest == b"\r\n":
                return
            theirs = h11_request(rest[2:])
            theirs.size += 2
        # So end it, and h11 may not take it after all.
        if not (is_early(ours, theirs) and h11_request(rest + b"\r\n\r\n\r\n").outcome != "taken"):
            difference = differs(REQUESTS, rest, ours, theirs)
            if difference is not None:
                found[difference.what] += 1
        if ours.outcome != "taken":
            return
        start += ours.size


def compare_response(data: bytes, method: bytes, found: Counter[str]) -> None:
    """A response, with the interim ones before it."""
    ours, theirs = our_response(data, method), h11_response(data, method)
    if is_early(ours, theirs) and h11_response(data + b"\r\n\r\n\r\n", method).outcome != "taken":
        return
    difference = differs(RESPONSES, data, ours, theirs)
    if difference is not None:
        found[difference.what] += 1


def pieces(data: bytes, chance: random.Random) -> list[bytes]:
    """Cut at random places."""
    places = sorted(chance.randint(0, len(data)) for _ in range(chance.choice((1, 3, 20))))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def request_stream(chance: random.Random, found: Counter[str]) -> None:
    """One stream of requests, by everybody."""
    data, valid = requests(chance)
    try:
        reading = read([data])
        assert read(pieces(data, chance)) == reading, "a cut changes it"
        assert valid is None or (reading.outcome, len(reading.requests)) == ("forward", valid), (
            "what is valid is refused"
        )
        understood = [plain(request) for request in reading.requests]
        assert second_reading(serialise(reading.requests)) == understood, "written anew it means something else"
        # What we take is what the second reader sees in it, target and all.
        meant = meaning(data)
        taken = [
            (head.method, head.target, *rest[2:])
            for head, rest in zip((r.head for r in reading.requests), understood, strict=True)
        ]
        assert meant.requests[: len(taken)] == taken, "it means something else"
        assert meant.ends[: len(taken)] == reading.ends
        compare_requests(data, found)
    except Exception as error:
        error.add_note(f"the stream: {data[:3000]!r}")
        raise


def response_stream(chance: random.Random, found: Counter[str]) -> None:
    """One response, by us and by h11."""
    method, data = response(chance)
    try:
        compare_response(data, method, found)
    except Exception as error:
        error.add_note(f"the response to {method!r}: {data[:3000]!r}")
        raise


KINDS = {"requests": (request_stream, REQUESTS), "responses": (response_stream, RESPONSES)}


def run(kind: str, seed: int) -> Counter[str]:
    """All streams of a seed; which differences were met how often."""
    stream, _ = KINDS[kind]
    found: Counter[str] = Counter()
    chance = random.Random(seed)
    try:
        for _ in range(STREAMS):
            stream(chance, found)
    except Exception as error:
        error.add_note(f"replay: PUMPPROXY_SEED={seed} python -m pytest tests/wire/test_http_h11.py -k {kind}")
        raise
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_stream_is_read_in_one_way(kind: str) -> None:
    """However cut, the same; what is valid is taken; h11 reads the same, but for what is listed."""
    found: Counter[str] = Counter()
    for seed in seeds.usual(SEEDS):
        found += run(kind, seed)
    assert seeds.replaying() or len(found) > len(KINDS[kind][1]) / 2, "the streams meet too little"


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.skipif(seeds.replaying(), reason="machine: one seed is replayed")
def test_fresh_streams_are_read_in_one_way(kind: str) -> None:
    """The same of streams that nobody has seen; and each row of the table is met, so that it lists what there is."""
    found: Counter[str] = Counter()
    for seed in seeds.fresh(SOAKED):
        found += run(kind, seed)
    assert "PUMPPROXY_SOAK_SEEDS" in os.environ or set(found) == {each.what for each in KINDS[kind][1]}
