"""A small client of the language server protocol: enough to ask an editor's server what its user would see."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import Queue
from typing import Any

WAIT = 30
Message = dict[str, Any]


class Editor:
    """An editor with one server: opens texts, and asks for what stands or may stand at a place."""

    def __init__(self, command: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self._server = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        self._messages: Queue[Message] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._id = 0
        capabilities = {"textDocument": {"completion": {"completionItem": {"documentationFormat": ["markdown"]}}}}
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self._tell("initialized", {})

    def close(self) -> None:
        """Ends the server."""
        self._server.terminate()
        self._server.wait(WAIT)
        self._reader.join(WAIT)
        for pipe in (self._server.stdin, self._server.stdout):
            assert pipe is not None
            pipe.close()

    def open(self, path: Path, text: str) -> list[Message]:
        """Shows a text as the content of a file; the problems that the server marks in it."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        while True:
            message = self._next()
            params = message.get("params", {})
            if message.get("method") == "textDocument/publishDiagnostics" and params["uri"] == path.as_uri():
                problems: list[Message] = params["diagnostics"]
                return problems

    def completions(self, path: Path, line: int, column: int) -> dict[str, Message]:
        """What may stand there, by label."""
        found = self.ask("textDocument/completion", _place(path, line, column))
        return {item["label"]: item for item in (found["items"] if isinstance(found, dict) else found)}

    def hover(self, path: Path, line: int, column: int) -> str:
        """What is said of what stands there."""
        found = self.ask("textDocument/hover", _place(path, line, column))
        contents = found["contents"] if found else ""
        return contents["value"] if isinstance(contents, dict) else str(contents)

    def ask(self, method: str, params: Message) -> Any:
        """One request; its result. What the server asks meanwhile is answered with nothing."""
        self._id += 1
        self._send({"id": self._id, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == self._id and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _next(self) -> Message:
        message = self._messages.get(timeout=WAIT)
        if "id" in message and "method" in message:
            items = message.get("params", {}).get("items", ())
            self._send({"id": message["id"], "result": [{} for _ in items] if items else None})
        return message

    def _tell(self, method: str, params: Message) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: Message) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._server.stdin is not None
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._server.stdin.flush()

    def _read(self) -> None:
        assert self._server.stdout is not None
        while header := self._server.stdout.readline():
            if header.lower().startswith(b"content-length:"):
                while self._server.stdout.readline().strip():
                    pass
                self._messages.put(json.loads(self._server.stdout.read(int(header.split(b":")[1]))))


def _place(path: Path, line: int, column: int) -> Message:
    return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": column}}
