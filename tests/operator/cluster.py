"""A real Kubernetes API server with nothing behind it, and the operator as a process beside it.

`python -m tests.operator.cluster build` builds the server from its sources, once, into the user's cache (a few minutes);
`serve` runs it for people who want to try the operator.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml

SOURCES = Path(__file__).parent / "apiserver"
GROUP = "/apis/tokenvault.dev/v1alpha1"
ADMIN, OPERATOR = "test-admin-token", "test-operator-token"
NAMESPACE = "identity"
PATIENCE = 120.0
Object = dict[str, Any]


@cache
def binary() -> Path:
    """Where the built server is kept, in the home of whoever runs the tests; other sources are another file."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tokenvault"
    digest = hashlib.sha256((SOURCES / "go.mod").read_bytes() + (SOURCES / "main.go").read_bytes()).hexdigest()
    given = os.environ.get("KUBE_APISERVER")
    return Path(given) if given else caches / f"kube-apiserver-{digest[:12]}"


def missing() -> str:
    """Why there can be no API server here, or nothing."""
    if not shutil.which("etcd"):
        return "no etcd is installed (Debian: etcd-server)"
    if not binary().exists():
        return "no kube-apiserver was built: python -m tests.operator.cluster build (needs Go)"
    return ""


def build() -> str:
    """Builds the server where it is missing; why it could not be, or nothing."""
    target = binary()
    if target.exists():
        return ""
    if not shutil.which("go"):
        return "Go is not installed"
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(f".{os.getpid()}")
    version = "-X k8s.io/component-base/version.gitVersion=v1.33.4"
    command = ["go", "build", "-trimpath", "-ldflags", f"-s -w {version}", "-o", str(temporary), "."]
    done = subprocess.run(command, cwd=SOURCES, check=False)
    if done.returncode:
        return f"go build ended with {done.returncode}"
    temporary.replace(target)
    return ""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Cluster:
    """etcd and an API server on free ports of this machine; both keep their data in the folder."""

    folder: Path
    port: int = field(default_factory=free_port)
    etcd_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        users = f"{ADMIN},admin,1,system:masters\n{OPERATOR},system:serviceaccount:{NAMESPACE}:tokenvault-operator,2\n"
        (self.folder / "tokens.csv").write_text(users)
        key = self.folder / "service-account.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        self.start_etcd()
        self.start_server()
        self.create_namespace()

    def start_etcd(self) -> None:
        url, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{free_port()}"
        flags = {
            "data-dir": self.folder / "etcd",
            "listen-client-urls": url,
            "advertise-client-urls": url,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "unsafe-no-fsync": "true",
        }
        self._spawn("etcd", "etcd", flags)

    def start_server(self) -> None:
        key = self.folder / "service-account.key"
        flags = {
            "etcd-servers": f"http://127.0.0.1:{self.etcd_port}",
            "secure-port": self.port,
            "bind-address": "127.0.0.1",
            "cert-dir": self.folder / "certs",
            "token-auth-file": self.folder / "tokens.csv",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": key,
            "service-account-signing-key-file": key,
            "service-cluster-ip-range": "10.0.0.0/24",
            "authorization-mode": "RBAC",
            "disable-admission-plugins": "ServiceAccount",
            "endpoint-reconciler-type": "none",
        }
        self._spawn("server", binary(), flags)
        until(lambda: self.get("/readyz", raw=True) == "ok", "the API server is ready")

    def _spawn(self, name: str, program: object, flags: Mapping[str, object]) -> None:
        command = [str(program), *(f"--{flag}={value}" for flag, value in flags.items())]
        with (self.folder / f"{name}.log").open("ab") as output:
            self.processes[name] = subprocess.Popen(command, stdout=output, stderr=output)

    def kill_server(self) -> None:
        """As a crash would."""
        self.processes["server"].kill()
        self.processes["server"].wait()

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()

    def create_namespace(self) -> None:
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, "/api/v1/namespaces")

    def kubeconfig(self, token: str = OPERATOR) -> Path:
        """A kubeconfig for this user."""
        path = self.folder / f"kubeconfig-{token}"
        cluster = {"server": f"https://127.0.0.1:{self.port}", "insecure-skip-tls-verify": True}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": NAMESPACE}}],
            "current-context": "test",
        }
        path.write_text(yaml.safe_dump(config))
        return path

    # What an administrator does

    def request(self, method: str, path: str, body: Any = None, content: str = "application/json") -> httpx.Response:
        headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": content}
        with httpx.Client(base_url=f"https://127.0.0.1:{self.port}", verify=False, timeout=30, trust_env=False) as http:
            return http.request(method, path, content=None if body is None else json.dumps(body), headers=headers)

    def get(self, path: str, *, raw: bool = False) -> Any:
        """What is there; None for what is not, or while nobody answers."""
        try:
            answer = self.request("GET", path)
        except httpx.HTTPError:
            return None
        if answer.is_error:
            return None
        return answer.text if raw else answer.json()

    def apply(self, manifest: Object, collection: str) -> httpx.Response:
        """As `kubectl apply --server-side` does."""
        name = manifest["metadata"]["name"]
        query = "fieldManager=test&force=true"
        return self.request("PATCH", f"{collection}/{name}?{query}", manifest, "application/apply-patch+yaml")

    def install(self, manifests: list[Object]) -> None:
        """Applies what a manifest of the operator consists of, less what needs a kubelet."""
        where = {
            "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
            "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
            "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        }
        for manifest in manifests:
            if manifest["kind"] in where:
                path = where[manifest["kind"]].format(namespace=manifest["metadata"].get("namespace", NAMESPACE))
                self.apply(manifest, path).raise_for_status()
        until(lambda: self.get(f"{GROUP}/tokenvaults") is not None, "the definition is served")

    def put_secret(self, name: str, values: Mapping[str, str]) -> None:
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
        self.apply(manifest, f"/api/v1/namespaces/{NAMESPACE}/secrets").raise_for_status()

    def put(self, name: str, **spec: Any) -> httpx.Response:
        """Creates or edits a `TokenVault`."""
        whole = {"credentialsSecretRef": {"name": "auth0"}, "mode": "Apply", **spec}
        manifest = {
            "apiVersion": "tokenvault.dev/v1alpha1",
            "kind": "TokenVault",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": whole,
        }
        return self.apply(manifest, self.objects_path)

    def annotate(self, name: str, **annotations: str) -> None:
        body = {"metadata": {"annotations": {key.replace("__", "/"): value for key, value in annotations.items()}}}
        content = "application/merge-patch+json"
        self.request("PATCH", f"{self.objects_path}/{name}", body, content).raise_for_status()

    def delete(self, name: str) -> None:
        self.request("DELETE", f"{self.objects_path}/{name}")

    @property
    def objects_path(self) -> str:
        return f"{GROUP}/namespaces/{NAMESPACE}/tokenvaults"

    def object(self, name: str) -> Object | None:
        found: Object | None = self.get(f"{self.objects_path}/{name}")
        return found

    def objects(self) -> list[Object]:
        found = self.get(self.objects_path)
        return list(found["items"]) if found else []

    def events(self) -> list[Object]:
        found = self.get(f"/api/v1/namespaces/{NAMESPACE}/events")
        return list(found["items"]) if found else []


def condition(found: Object | None, name: str = "Ready") -> tuple[str, str, str]:
    """Status, reason and message of a condition of the object as it is now; empty before the operator saw the edit."""
    status = (found or {}).get("status") or {}
    if not found or status.get("observedGeneration") != found["metadata"]["generation"]:
        return "", "", ""
    for one in status.get("conditions", ()):
        if one["type"] == name:
            return one["status"], one["reason"], one["message"]
    return "", "", ""


def until(holds: Callable[[], Any], what: str, patience: float = PATIENCE) -> float:
    """Waits until it holds; the seconds that it took. What is waited for must come: the bound only ends a hung test."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > patience:
            raise AssertionError(f"waited {patience:.0f} s in vain until {what}")
        time.sleep(0.05)
    return time.monotonic() - began


@dataclass
class Process:
    """`tokenvault operator run` as a process."""

    cluster: Cluster
    identity: str
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tokenvault", "operator", "run", "--identity", self.identity]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        environment = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig())}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)

    def kill(self) -> None:
        """As the kernel does it to a process without memory."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As a kubelet does; the exit code."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(40)
        self.kill()
        raise AssertionError("the operator did not stop")

    def ask(self, path: str) -> httpx.Response | None:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return None


@contextmanager
def running(cluster: Cluster, folder: Path, identity: str = "one") -> Iterator[Process]:
    """An operator for as long as the context lasts."""
    process = Process(cluster, identity, folder / f"operator-{identity}.log")
    process.start()
    try:
        yield process
    finally:
        with suppress(AssertionError):
            process.stop()


INSTALL = Path(__file__).parent.parent.parent / "examples" / "kubernetes" / "install"


def manifests() -> list[Object]:
    """What `examples/kubernetes/install` consists of."""
    names = ("crd.yaml", "role.yaml", "deployment.yaml")
    return [item for name in names for item in yaml.safe_load_all((INSTALL / name).read_text())]


def serve() -> int:
    """An API server for people, until Ctrl-C: with the definition, and with everything allowed."""
    if problem := missing():
        print(problem)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder))
        try:
            cluster.start()
            cluster.install(manifests())
            print(f"export KUBECONFIG={cluster.kubeconfig(ADMIN)}", flush=True)
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            with suppress(KeyboardInterrupt):
                signal.pause()
        finally:
            cluster.stop()
    return 0


def main() -> int:
    """`build` builds the server where it can be built, and is no failure where it cannot; `serve` runs it."""
    if sys.argv[1:] == ["serve"]:
        return serve()
    problem = build()
    print(f"no API server for the tests of the operator: {problem}" if problem else f"the API server is {binary()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
