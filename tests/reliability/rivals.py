"""Two at once: applies of the same spec, and of two specs that overlap, started together against one tenant.

    python -m tests.reliability.rivals [--rounds N]

Both must end, nothing may be there twice, the loser must say why, and one more apply of each must converge.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from tests.reliability.bench import QUICKSTART, Bench, State, bench, difference
from tests.reliability.crash import started
from tests.reliability.matrix import RAW, advice
from tests.support import Result, write_spec
from tokenvault.sandbox import DOMAIN, TOKEN, open_sandbox

LATENCIES = (0, 20, 80)
SECONDS = 60


@dataclass(frozen=True)
class Round:
    """How one race went: both exit codes, and what was wrong."""

    case: str
    codes: tuple[int, int]
    wrong: tuple[str, ...]


def overlapping(folder: Path) -> Path:
    """A spec of another name that shares the quickstart's connections and an API of others, with applications of its own."""
    spec = yaml.safe_load(QUICKSTART.read_text())
    spec["name"] = "neighbour"
    spec["connections"] = {"google-oauth2": {}, "github": {}}
    spec["applications"] = {f"other-{key}": app for key, app in spec["applications"].items()}
    for app in spec["applications"].values():
        app["name"] = f"Other {app['name']}"
    spec["applications"].pop("other-calendar-spa")
    spec["apis"]["calendar"]["scopes"]["write:calendar"] = "Write calendar events"
    return write_spec(folder, spec, "neighbour.yaml")


def race(there: Bench, case: str, specs: tuple[Path, Path], clean: list[State]) -> Round:
    """Both applies at the same moment, and then each once more."""
    there.reset()
    first, second = together(there, specs)
    wrong = [f"shows {found[0]}" for r in (first, second) if (found := RAW.search(r.out + r.err))]
    wrong += [f"exit {r.code} without a word" for r in (first, second) if r.code and not advice(r.err)]
    wrong += [f"exit {r.code}" for r in (first, second) if r.code not in (0, 1)]
    wrong += _twice(there.state())
    for spec in dict.fromkeys(specs):
        again = there.apply(spec)
        wrong += [f"one more apply fails: {again.err[-400:]}"] if again.code else []
    state = there.state()
    text = min((difference(state, one) for one in clean), key=len)
    return Round(case, (first.code, second.code), tuple([*wrong, f"another tenant: {text}"] if text else wrong))


def together(there: Bench, specs: tuple[Path, Path]) -> tuple[Result, Result]:
    """Two processes that start at the same moment; how each ended."""
    with ExitStack() as stack:
        processes = [stack.enter_context(started(there, spec, TOKENVAULT_TIMEOUT="10")) for spec in specs]
        said = [process.communicate(timeout=SECONDS) for process in processes]
        first, second = (Result(p.returncode, *text) for p, text in zip(processes, said, strict=True))
        return first, second


def _twice(state: State) -> list[str]:
    """What bears a number since its name was taken."""
    return [f"{name} is there twice" for collection in state.values() for name in collection if " #" in name]


@contextmanager
def contest(folder: Path, latency: int) -> Iterator[tuple[Bench, Path]]:
    """A bench with this latency, and the overlapping spec. The API is there: of one that a spec creates no other has a part."""
    with bench(folder, "--latency-ms", latency) as there:
        sandbox = open_sandbox(there.file)
        try:
            api = yaml.safe_load(QUICKSTART.read_text())["apis"]["calendar"]
            body = {"identifier": api["identifier"], "name": "Of others", "scopes": [{"value": "old:calendar"}]}
            request = httpx.Request("POST", f"http://{DOMAIN}/api/v2/resource-servers", json=body)
            request.headers["authorization"] = f"Bearer {TOKEN}"
            made = asyncio.run(httpx.ASGITransport(sandbox.app).handle_async_request(request))
            assert made.status_code == 201
            there.start = sandbox.export_state()
        finally:
            sandbox.close()
        yield there, overlapping(folder)


def undisturbed(there: Bench, specs: tuple[Path, Path]) -> list[State]:
    """The tenant after one spec was applied and then the other, and the other way round."""
    states = []
    for order in (specs, specs[::-1]):
        there.reset()
        for spec in dict.fromkeys(order):
            done = there.apply(spec)
            assert done.code == 0, done.err
        states.append(there.state())
    return states


def main() -> int:
    """Prints how the races ended; 1 when anything was wrong."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=10, help="of each case and latency")
    given = options.parse_args()
    done: list[Round] = []
    for latency in LATENCIES:
        with tempfile.TemporaryDirectory() as folder, contest(Path(folder), latency) as (there, other):
            for case, specs in {"the same spec": (QUICKSTART, QUICKSTART), "overlapping": (QUICKSTART, other)}.items():
                clean = undisturbed(there, specs)
                done += [race(there, f"{case}, {latency} ms", specs, clean) for _ in range(given.rounds)]
    for case in dict.fromkeys(one.case for one in done):
        rounds = [one for one in done if one.case == case]
        codes = Counter(tuple(sorted(one.codes)) for one in rounds)
        print(f"{case:<24} {sum(not one.wrong for one in rounds)}/{len(rounds)} converged; exit codes {dict(codes)}")
        for one in rounds:
            if one.wrong:
                print(f"    FAILED {'; '.join(one.wrong)}")
    return any(one.wrong for one in done)


if __name__ == "__main__":
    sys.exit(main())
