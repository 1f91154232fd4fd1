"""Acknowledges every order, whatever it is: a server that costs next to nothing. Prints its port."""

from __future__ import annotations

import asyncio

ACK = b'{"order_id":"0d6f7c1e","fill_count":"0.00","remaining_count":"1.00","ts_ms":1795548667250}'
ANSWER = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nDate: Tue, 24 Nov 2026 19:31:07 GMT\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(ACK), ACK)
)


class Acknowledger(asyncio.Protocol):
    """One connection; a request is whole when its body is as long as its head says."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._got = b""

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, separator, body = self._got.partition(b"\r\n\r\n")
        if separator and len(body) >= int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            self._got = b""
            self._transport.write(ANSWER)


async def serve() -> None:
    """For ever."""
    server = await asyncio.get_running_loop().create_server(Acknowledger, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
