"""The demonstration's WebSocket frames, against RFC 6455's own examples and wsproto.

TestCases, so that `python -m twisted.trial` has something of ours to run as well.
"""

from __future__ import annotations

import pytest
from twisted.trial.unittest import SynchronousTestCase
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from demo.websocket import MAX_MESSAGE, NORMAL, FrameError, Frames, Message, Opcode, accept, close, frame

HELLO = Message(Opcode.TEXT, b"Hello")
HELLO_UNMASKED = bytes.fromhex("810548656c6c6f")  # section 5.7
HELLO_MASKED = bytes.fromhex("818537fa213d7f9f4d5158")
HELLO_IN_TWO = bytes.fromhex("010348656c80026c6f")


class HandshakeTests(SynchronousTestCase):
    """The opening handshake."""

    def test_the_rfc_s_key(self) -> None:
        """Section 1.3: the sample nonce gives the sample answer."""
        assert accept(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


class ReadingTests(SynchronousTestCase):
    """What a peer sends, in any pieces."""

    def test_the_rfc_s_frames(self) -> None:
        """Section 5.7: unmasked, masked, and cut in two frames."""
        assert Frames(masked=False).feed(HELLO_UNMASKED) == [HELLO]
        assert Frames(masked=True).feed(HELLO_MASKED) == [HELLO]
        assert Frames(masked=False).feed(HELLO_IN_TWO) == [HELLO]

    def test_byte_by_byte_and_with_more_behind(self) -> None:
        """Segments are nobody's message boundaries."""
        frames = Frames(masked=True)
        stream = HELLO_MASKED * 2
        assert [message for byte in stream for message in frames.feed(bytes([byte]))] == [HELLO, HELLO]

    def test_a_ping_inside_a_message(self) -> None:
        """Section 5.4: control frames may stand between the parts of a message."""
        stream = HELLO_IN_TWO[:5] + frame(Opcode.PING, b"?") + HELLO_IN_TWO[5:]
        assert Frames(masked=False).feed(stream) == [Message(Opcode.PING, b"?"), HELLO]

    def test_what_breaks_the_rules(self) -> None:
        """The wrong mask, reserved bits, unknown opcodes, cut control frames, lost continuations, endless messages."""
        for broken, code in (
            (HELLO_MASKED, 1002),
            (b"\xc1\x00", 1002),
            (b"\x83\x00", 1002),
            (b"\x09\x00", 1002),
            (b"\x89\x7e\x00\x7e" + bytes(126), 1002),
            (b"\x80\x00", 1002),
            (b"\x01\x00\x01\x00", 1002),
            (b"\x82\x7f" + (MAX_MESSAGE + 1).to_bytes(8, "big"), 1009),
            ((b"\x02\x7f" + MAX_MESSAGE.to_bytes(8, "big") + bytes(MAX_MESSAGE)) + b"\x80\x01.", 1009),
        ):
            with pytest.raises(FrameError) as caught:
                Frames(masked=False).feed(broken)
            assert caught.value.code == code, broken[:8]


class WritingTests(SynchronousTestCase):
    """What an independent implementation reads of ours."""

    def test_every_form_of_length(self) -> None:
        """7, 16 and 64 bits of length, with and without a mask."""
        for size in (0, 125, 126, 0xFFFF, 0x10000):
            payload = bytes(range(256)) * (size // 256) + bytes(size % 256)
            for kind, mask in ((ConnectionType.CLIENT, None), (ConnectionType.SERVER, b"\x01\x80\xff\x00")):
                peer = Connection(kind)
                peer.receive_data(frame(Opcode.BINARY, payload, mask))
                events = [event for event in peer.events() if isinstance(event, BytesMessage)]
                assert b"".join(bytes(event.data) for event in events) == payload

    def test_a_peer_s_frames_come_back(self) -> None:
        """What wsproto sends is read, and what is read can be sent on."""
        peer = Connection(ConnectionType.CLIENT)
        messages = Frames(masked=True).feed(peer.send(TextMessage(data="häßlich")))
        assert messages == [Message(Opcode.TEXT, "häßlich".encode())]
        peer.receive_data(frame(messages[0].opcode, messages[0].payload))
        assert [event.data for event in peer.events() if isinstance(event, TextMessage)] == ["häßlich"]

    def test_a_close_carries_its_code(self) -> None:
        """Section 7.4: the peer learns why."""
        peer = Connection(ConnectionType.CLIENT)
        peer.receive_data(close(NORMAL))
        assert [event.code for event in peer.events() if isinstance(event, CloseConnection)] == [NORMAL]
