"""Lines: TCP proxies on loopback that count and, when told to, delay, throttle, stall, reset, refuse and
corrupt."""

import asyncio
import random
import socket
import struct
import threading
import urllib.parse

CHUNK = 16 << 10
GO_ON = b"HTTP/1.1 100 "  # no answer yet
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: a RST, and nothing more of what was to be sent


class Links:
    """All lines of a test, in one thread; `with Links() as links:` or close() ends them."""

    def __init__(self, seed=0):
        self.random = random.Random(seed)
        self.made = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def to(self, url=None):
        """A line to whoever listens at the URL's port, or will. Without a URL who connects waits until
        aim() tells where to."""
        link = Link(self, url or "http://127.0.0.1")
        self._call(link.open())
        self.made.append(link)
        return link

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _end(self):
        for link in self.made:
            link.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Link:
    """One line. count: the bytes of both directions, headers and all. What it does to those who use it,
    from now on and in both directions:

    delay    seconds, at most, that each piece is held up
    rate     bytes a second for each connection; 0: as they come
    stalled  nothing moves, and nobody is told
    refused  connections end at once
    unheard  so many answers do not arrive: their connections end
    corrupt  of a piece's bytes above 127 one gets another value, so often (0-1). Who makes bodies of
             such bytes alone has bad bodies; heads, JSON and the frames of chunks, which are ASCII, stay
    """

    def __init__(self, links, url):
        self._links = links
        self._target = urllib.parse.urlsplit(url)
        self._aimed = asyncio.Event()
        self._server = None
        self._sockets = set()
        self.url = None  # the same as was given, through this line
        self.count = self.resets = self.corrupted = 0
        self.clear()
        if self._target.port:
            self._aimed.set()

    def clear(self):
        self.delay = self.rate = self.corrupt = self.unheard = 0
        self.stalled = self.refused = False

    def reset(self):
        """Every connection there is ends with a RST, both ways."""
        self._links._call(self._reset())

    def aim(self, url):
        """At whoever it is, whose URL was not known when the line was made."""
        self._links._call(self._aim(url))

    async def open(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        user = f"{self._target.username}@" if self._target.username else ""
        self.url = self._target._replace(netloc=f"{user}127.0.0.1:{port}").geturl()

    def close(self):
        self._server.close()

    async def _aim(self, url):
        self._target = urllib.parse.urlsplit(url)
        self._aimed.set()

    async def _reset(self):
        self.resets += len(self._sockets)
        for writer in list(self._sockets):
            _abort(writer)

    async def _serve(self, reader, writer):
        if self.refused:
            return _abort(writer)
        await self._aimed.wait()
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target.port)
        except OSError:
            return _abort(writer)
        ends = (writer, there[1])
        self._sockets.update(ends)
        try:
            await asyncio.gather(self._carry(reader, there[1]), self._carry(there[0], writer, answers=True))
        except OSError:
            pass  # one of them is gone: the other learns it below
        finally:
            self._sockets.difference_update(ends)
            for end in ends:
                _abort(end)

    async def _carry(self, reader, writer, answers=False):
        while data := await reader.read(CHUNK):
            self.count += len(data)
            if answers and self.unheard and not data.startswith(GO_ON):
                self.unheard -= 1
                raise ConnectionAbortedError
            while self.stalled:
                await asyncio.sleep(0.02)
            if self.delay:
                await asyncio.sleep(self._links.random.random() * self.delay)
            if self.rate:
                await asyncio.sleep(len(data) / self.rate)
            writer.write(self._worn(data))
            await writer.drain()
        writer.write_eof()

    def _worn(self, data):
        chances = self._links.random
        if chances.random() >= self.corrupt:
            return data
        places = [place for place, byte in enumerate(data) if byte > 127]
        if not places:
            return data
        self.corrupted += 1
        data = bytearray(data)
        place = chances.choice(places)
        data[place] = 128 + (data[place] + chances.randrange(1, 128)) % 128
        return bytes(data)


def _abort(writer):
    """Ends the connection with a RST; one that has ended already stays so."""
    if not writer.transport.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    writer.transport.abort()
