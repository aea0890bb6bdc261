"""A chat service on loopback: a real HTTP server whose behaviour is the name of the model that it is asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Write = Callable[[str], Awaitable[None]]


def chunk(text: str = "", finish: str | None = None, **others: Any) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return json.dumps({"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **others})


TOKENS = json.dumps(
    {"id": "1", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}}
)
STREAMS: dict[str, list[str]] = {
    "whole": [chunk("Two "), chunk("findings."), chunk(finish="stop"), TOKENS, "[DONE]"],
    "json": [chunk('{"findings": '), chunk("[1, 2]}"), chunk(finish="stop"), "[DONE]"],
    "fenced": [chunk('```json\n{"a": 1}\n```'), chunk(finish="stop"), "[DONE]"],
    "prose": [chunk("Sure! Here you are"), chunk(finish="stop"), "[DONE]"],
    "no-reason-but-tokens": [chunk("All of it"), TOKENS, "[DONE]"],
    "closes-early": [chunk("Half an ans")],
    "says-done-early": [chunk("Half an ans"), "[DONE]"],
    "too-long": [chunk("On and on"), chunk(finish="length"), "[DONE]"],
    "tools": [chunk(finish="tool_calls"), "[DONE]"],
    "held-back": [chunk("…"), chunk(finish="content_filter"), "[DONE]"],
    "overloaded-meanwhile": [chunk("Tw"), json.dumps({"error": {"message": "overloaded", "code": 529}}), "[DONE]"],
    "garbage": [chunk("Tw"), "{nonsense"],
    "odd": [json.dumps({"id": "1"}), json.dumps({"choices": None}), chunk("ok"), chunk(finish="stop"), "[DONE]"],
    "silence": [],
}
REFUSALS: dict[str, tuple[int, dict[str, str], str]] = {
    "busy": (429, {"Retry-After": "7"}, "slow down"),
    "busy-until": (429, {"Retry-After": "Thu, 01 Jan 1970 00:02:00 GMT"}, "slow down"),
    "busy-ms": (429, {"retry-after-ms": "1500"}, "slow down"),
    "broken": (500, {}, "internal"),
    "away": (503, {"Retry-After": "3"}, "maintenance"),
    "unknown-key": (401, {}, "Incorrect API key provided: {key}"),
}


class ChatServer:
    """What a server was asked, and its address."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.connections = 0
        self.most_at_once = 0
        self.gone = asyncio.Event()
        """A client hung up in the middle of an answer."""
        self.silent = asyncio.Event()
        """The server has begun to say nothing."""
        self.busy_times = 0
        """How often it still answers 429, whatever it is asked."""
        self.together = asyncio.Event()
        self.wanted = 0
        """How many requests have to be there until any is answered."""
        self._now = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if line)
                body = json.loads(await reader.readexactly(int(fields["content-length"])))
                self.requests.append(body)
                key = next(line for line in head.decode().split("\r\n") if line.lower().startswith("authorization"))
                self.keys.append(key.split()[-1])
                self._now += 1
                self.most_at_once = max(self.most_at_once, self._now)
                await self._answer(body["model"], reader, writer)
                self._now -= 1
                if body["model"] == "closes-early" or body["model"] == "breaks-off":
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, model: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._now >= self.wanted:
            self.together.set()
        await self.together.wait()
        if self.busy_times:
            self.busy_times -= 1
            model = "busy-ms"
        if model in REFUSALS:
            status, headers, message = REFUSALS[model]
            text = json.dumps({"error": {"message": message.format(key=self.keys[-1])}})
            told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"HTTP/1.1 {status} No\r\n{told}Content-Length: {len(text)}\r\n\r\n{text}".encode())
            return await writer.drain()
        if model == "page":
            text = "<html>Welcome to the router</html>"
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(text)}\r\n\r\n".encode())
            return writer.write(text.encode())
        if model == "hangs-up":
            return writer.transport.abort()
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        events = STREAMS["whole"][:1] if model in ("breaks-off", "silence") else STREAMS[model]
        for event in events:
            line = f"data: {event}\n\n".encode()
            writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            await writer.drain()
        if model == "silence":
            self.silent.set()
            assert await reader.read() == b""  # until the client hangs up
            self.gone.set()
        elif model != "breaks-off":
            writer.write(b"0\r\n\r\n")


@asynccontextmanager
async def chat_server() -> AsyncIterator[ChatServer]:
    """Serve on loopback for the time of the block."""
    server = ChatServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, backlog=1024)
    async with listening:
        host, port = listening.sockets[0].getsockname()
        server.url = f"http://{host}:{port}/v1"
        yield server
