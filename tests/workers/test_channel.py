import asyncio
import socket

from quotad.workers.channel import Channel


async def pair() -> tuple[Channel, Channel, socket.socket]:
    """Two ends, and the second one's socket."""
    one, other = socket.socketpair()
    return await Channel.over(one), await Channel.over(other), other


async def test_messages_arrive_whole_and_in_order() -> None:
    """Also one of several megabytes, as a large configuration is."""
    one, other, _ = await pair()
    messages = [{"id": number, "text": "ü" * number} for number in (0, 1, 1_000_000, 2)]
    for message in messages:
        one.send(message)
    assert [await other.receive() for _ in messages] == messages
    other.send({"id": 9})
    assert await one.receive() == {"id": 9}
    await one.close()
    await other.close()


async def test_the_end_is_told_after_what_was_sent() -> None:
    """What was sent before the close is heard; then nothing comes, again and again."""
    one, other, _ = await pair()
    one.send({"last": True})
    await one.close()
    assert await other.receive() == {"last": True}
    assert await other.receive() is None
    assert await other.receive() is None
    other.send({"nobody": "hears"})
    await other.close()


async def test_a_message_that_breaks_off_is_the_end() -> None:
    """Half a message of a killed process is none."""
    one, other = socket.socketpair()
    channel = await Channel.over(one)
    other.sendall(b"\0\0\0\x20{")
    receiving = asyncio.ensure_future(channel.receive())
    other.close()
    assert await receiving is None
    await channel.close()
