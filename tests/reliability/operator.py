"""The operator at its size: many objects on many tenants, killed again and again. `python -m tests.reliability.operator --help`.

The API server is real, the tenants are served sandboxes, the operator is a process. Printed is what happened; the exit code is 1
when anything was done twice, was lost, or is not Ready in the end.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.operator import cluster as lab
from tests.operator.cluster import Cluster, Process, condition, until
from tests.operator.memory import CREDENTIALS, small_spec
from tests.support import served
from tests.tenant.tenant import Tenant

PATIENCE = 1800.0


@dataclass
class Trial:
    """A cluster, tenants, objects on them, and what was found wrong."""

    cluster: Cluster
    tenants: list[Tenant]
    objects: int
    chance: random.Random
    folder: Path
    wrong: list[str] = field(default_factory=list)
    edits: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [f"object-{number}" for number in range(self.objects)]

    def tenant_of(self, name: str) -> Tenant:
        return self.tenants[int(name.rsplit("-", 1)[1]) % len(self.tenants)]

    def put(self, name: str) -> None:
        """Creates the object, or edits what its application is called back at."""
        self.edits[name] = self.edits.get(name, 0) + 1
        spec = small_spec(name)
        spec["applications"]["assistant"]["callbacks"] = [f"https://{name}.example/{self.edits[name]}"]
        answer = None
        while answer is None or answer.is_error:
            try:
                answer = self.cluster.put(name, tenant=self.tenant_of(name).domain, configuration=spec, interval="10m")
            except OSError:
                time.sleep(0.2)
            except Exception as error:
                if "Connect" not in type(error).__name__ and "Read" not in type(error).__name__:
                    raise
                time.sleep(0.2)

    def all_ready(self) -> bool:
        found = {one["metadata"]["name"]: one for one in self.cluster.objects()}
        return all(condition(found.get(name))[0] == "True" for name in self.names)

    def settle(self) -> float:
        return until(self.all_ready, "all objects are Ready", PATIENCE)

    def check(self, when: str) -> None:
        """Each object has its one application, as its last edit says."""
        for tenant in self.tenants:
            clients = tenant.api("GET", "clients?per_page=100")
            names = Counter(client["name"] for client in clients)
            callbacks = {client["name"]: client.get("callbacks") for client in clients}
            for name in (name for name in self.names if self.tenant_of(name) == tenant):
                application, wanted = f"{name} assistant", [f"https://{name}.example/{self.edits[name]}"]
                if names[application] != 1:
                    self.wrong.append(f"{when}: {names[application]} applications are called {application}")
                elif callbacks[application] != wanted:
                    self.wrong.append(f"{when}: {application} has {callbacks[application]}, not {wanted}")

    def forget(self) -> None:
        for tenant in self.tenants:
            tenant.forget_requests()

    def requests(self) -> Counter[str]:
        """Requests to the Management API by method, over all tenants."""
        return Counter(one["method"] for tenant in self.tenants for one in tenant.requests("/api/v2/"))

    def versions(self) -> dict[str, str]:
        return {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in self.cluster.objects()}


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def from_nothing(trial: Trial, operator: Process) -> None:
    for name in trial.names:
        trial.put(name)
    operator.start()
    seconds = trial.settle()
    trial.check("from nothing")
    say(f"from nothing: {trial.objects} objects on {len(trial.tenants)} tenants Ready after {seconds:.1f} s")
    say(f"  requests: {dict(trial.requests())}")


def restart(trial: Trial, operator: Process) -> None:
    """A restart of an operator whose objects are all as they should be: every object is looked at, nothing is written."""
    until(lambda: _looked_at(operator) >= trial.objects, "all were looked at", PATIENCE)
    operator.stop()
    before = trial.versions()
    trial.forget()
    operator.start()
    until(lambda: _looked_at(operator, "in-sync") >= trial.objects, "all were looked at again", PATIENCE)
    requests, rewritten = trial.requests(), sum(trial.versions()[name] != before[name] for name in before)
    writes = sum(number for method, number in requests.items() if method != "GET")
    say(
        f"restart: {writes} writes to tenants, {requests['GET'] / trial.objects:.1f} reads an object, {rewritten} status writes"
    )
    if writes or rewritten:
        trial.wrong.append(f"restart: {writes} writes to tenants, {rewritten} status writes")


def _looked_at(operator: Process, reason: str = "") -> int:
    answer = operator.ask("/metrics")
    lines = answer.text.splitlines() if answer else []
    wanted = "tokenvault_operator_reconciliations_total{reason=" + (f'"{reason}"' if reason else "")
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(wanted)))


def killed(trial: Trial, operator: Process, kills: int) -> None:
    """The operator is killed at random while edits come in."""
    trial.forget()
    for number, name in enumerate(trial.names):
        trial.put(name)
        if (
            number % max(1, trial.objects // max(1, kills)) == 0
            and number // max(1, trial.objects // max(1, kills)) < kills
        ):
            time.sleep(trial.chance.uniform(0, 3))
            operator.kill()
            operator.start()
    seconds = trial.settle()
    trial.check("operator killed")
    posts = trial.requests()["POST"]
    say(
        f"operator killed {kills} times while {trial.objects} edits came in: all Ready {seconds:.1f} s after the last edit"
    )
    if posts:
        trial.wrong.append(f"operator killed: {posts} objects were created again")


def server_killed(trial: Trial, kills: int) -> None:
    """The API server is killed while edits come in; then one more edit is timed."""
    every = max(1, trial.objects // max(1, kills))
    for number, name in enumerate(trial.names):
        trial.put(name)
        if number % every == 0 and number // every < kills:
            time.sleep(trial.chance.uniform(0, 1))
            trial.cluster.kill_server()
            trial.cluster.start_server()
    seconds = trial.settle()
    trial.check("API server killed")
    name = trial.names[0]
    trial.put(name)
    edit = until(lambda: condition(trial.cluster.object(name))[0] == "True", "the next edit is applied", PATIENCE)
    say(
        f"API server killed {kills} times: all Ready {seconds:.1f} s after the last edit, the next edit after {edit:.1f} s"
    )
    if edit > 30:
        trial.wrong.append(f"API server killed: the next edit took {edit:.1f} s")


def two_replicas(trial: Trial, operator: Process) -> None:
    """A second replica waits; a wave of edits is written once; the first is killed, and the second takes over."""
    second = Process(trial.cluster, "second", trial.folder / "second.log")
    second.start()
    try:
        until(lambda: second.ask("/readyz") is not None, "the second replica listens")
        trial.forget()
        for name in trial.names:
            trial.put(name)
        trial.settle()
        patches = trial.requests()["PATCH"]
        trial.check("two replicas")
        operator.kill()
        trial.put(trial.names[0])
        taken = until(
            lambda: condition(trial.cluster.object(trial.names[0]))[0] == "True", "the second takes over", PATIENCE
        )
        say(f"two replicas: {trial.objects} edits, {patches} writes; the second took over after {taken:.1f} s")
    finally:
        second.stop()


@contextmanager
def _trial(arguments: Any, chance: random.Random) -> Iterator[Trial]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = Cluster(folder / "cluster")
        stack.callback(cluster.stop)
        cluster.start()
        cluster.install(lab.manifests())
        cluster.put_secret("auth0", CREDENTIALS)
        hosts = [stack.enter_context(served(folder / f"{number}.db")) for number in range(arguments.tenants)]
        yield Trial(cluster, [Tenant(host) for host in hosts], arguments.objects, chance, folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100)
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--kills", type=int, default=20, help="of the operator")
    parser.add_argument("--server-kills", type=int, default=5, help="of the API server")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    arguments = parser.parse_args()
    if problem := lab.missing():
        print(f"skipped: {problem}")
        return 0
    say(f"seed {arguments.seed}")
    with _trial(arguments, random.Random(arguments.seed)) as trial:
        operator = Process(trial.cluster, "first", trial.folder / "first.log")
        try:
            from_nothing(trial, operator)
            restart(trial, operator)
            killed(trial, operator, arguments.kills)
            server_killed(trial, arguments.server_kills)
            two_replicas(trial, operator)
        finally:
            operator.kill()
        for wrong in trial.wrong:
            print(f"WRONG  {wrong}")
    print(f"{len(trial.wrong)} things were wrong")
    return 1 if trial.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
