"""Records what the kit and tokenvault say to the Management API, one file for each probe and each life.

A recording is a file of JSON objects, one a line, in the order in which the answers came. Whoever plays one sends the
requests to a tenant that holds none of these objects and compares the answers; ids that the tenant assigns are mapped as
they come. The keys of a line:

    method, path      `/api/v2/…`, ids as the tenant assigned them
    query             an object; a value that was given more than once is a list
    request           the JSON body, or null
    status, response  what came back; the body is null where there was none
    status_only       true: only the status is to be compared. Lists are recorded so, because they show what else the
                      tenant holds; their bodies are left out
    seed              true: not sent by this run. It makes what the tenant had before: its own My Account API, a custom domain

The tenant's domain is written as `PLAYED_AS`, a name that players replace by the domain of the tenant that they play to;
secrets are `[REDACTED]`, which no player compares. Answers that say "try again" (429, 5xx) are not recorded, nor what is
asked about an object of somebody else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.names import Run
from tests.acceptance.redaction import Redactor

PLAYED_AS = "auth0-sdk-tests.auth0.com"
PREFIX = "/api/v2/"
SINGLE = ("tenants/settings", "guardian/policies", "guardian/factors")  # what every tenant has one of
Line = dict[str, Any]


class Recorder:
    """What was recorded so far, by the name of the probe or life."""

    def __init__(self, run: Run, redactor: Redactor) -> None:
        self.run, self.redactor = run, redactor
        self.chapters: dict[str, list[Line]] = {}
        self._open: list[Line] | None = None
        self._own: set[str] = set()

    @contextmanager
    def chapter(self, name: str) -> Iterator[None]:
        """What is sent within goes into a recording of its own."""
        self._open, self._own = self.chapters.setdefault(name, []), set()
        try:
            yield
        finally:
            self._open = None

    def seed(self, path: str, body: Any, response: Any) -> None:
        """Notes what the tenant had before, so that the recording can be played where it is not."""
        line = {"method": "POST", "path": f"{PREFIX}{path}", "query": {}, "request": body, "status": 201}
        seeds = [known for known in self._open or () if known.get("seed")]
        if self._open is not None and not any(known["request"] == body for known in seeds):
            self._open.insert(len(seeds), {**line, "response": response, "seed": True})

    async def hear(self, response: httpx.Response) -> None:
        """Takes in an answer: a hook of the HTTP client."""
        self.redactor.learn(response.request.headers.get("authorization", "").removeprefix("Bearer "))
        path = response.request.url.raw_path.decode().partition("?")[0]
        if not path.startswith(PREFIX):
            return
        body, sent = _json(await response.aread()), _json(response.request.content)
        self.redactor.learn_from(body)
        if self._open is None or response.status_code == 429 or response.status_code >= 500:
            return
        line = self._line(response, path, sent, body)
        if not self._is_foreign(path):
            self._open.append(line)

    def _is_foreign(self, path: str) -> bool:
        """Whether the path names an object that somebody else has in the tenant; no player could ask for it."""
        collection, _, rest = path.removeprefix(PREFIX).partition("/")
        alone = f"{collection}/{rest}" in SINGLE or rest.endswith("%2Fme%2F")
        return bool(rest) and not alone and not self._is_ours(path, {})

    def _line(self, response: httpx.Response, path: str, sent: Any, body: Any) -> Line:
        method = response.request.method
        if method == "POST" and isinstance(body, dict):
            self._own |= {str(body[key]) for key in ("id", "client_id") if key in body}
        url = response.request.url
        query = {key: values if len(values) > 1 else values[0] for key in url.params if (values := _all(url, key))}
        line = {"method": method, "path": path, "query": query, "request": sent, "status": response.status_code}
        if method == "GET" and response.status_code < 300 and not self._is_ours(path, query):
            return {**line, "response": None, "status_only": True}
        return {**line, "response": body}

    def _is_ours(self, path: str, query: dict[str, Any]) -> bool:
        return any(part in self._own for part in path.split("/")) or any(map(self.run.owns, (path, *query.values())))

    def write(self, folder: Path) -> list[Path]:
        """Writes a file for each chapter that has traffic."""
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for name, lines in self.chapters.items():
            if lines:
                files.append(folder / f"{name}.jsonl")
                clean = (json.dumps(self.redactor.value(line), ensure_ascii=False) for line in lines)
                files[-1].write_text("".join(f"{line}\n" for line in clean))
        return files


def _all(url: httpx.URL, key: str) -> list[str]:
    return url.params.get_list(key)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None
