"""An exchange with curl, in a POSIX shell. Secrets reach curl through its standard input, never as arguments."""

from __future__ import annotations

from collections.abc import Iterator

from tokenvault.runtime.request import ASSERTION_TYPE, MAX_AGE, WORKER_TOKEN
from tokenvault.usage.example import BASIC, CERTIFICATE, CONTEXT, KEY, SECRET, USER, Example
from tokenvault.variables import SUBJECT_TOKEN

DIGESTS = {
    "RS256": "-sha256",
    "RS384": "-sha384",
    "PS256": "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest",
}


def curl(example: Example) -> str:
    """The program."""
    return "\n".join([*_signed(example), *_request(example)]) + "\n"


def _request(example: Example) -> Iterator[str]:
    yield "curl --silent --show-error --fail-with-body --config - <<END"
    yield f'url = "{_plain(example.url)}"'
    for name, value in example.parameters.items():
        if name != "client_id" or example.proof != BASIC:
            yield f'data-urlencode = "{name}={_plain(value)}"'
    yield from _proof(example)
    yield f'data-urlencode = "subject_token=${"subject_token" if example.request.signed else SUBJECT_TOKEN}"'
    yield "END"


def _proof(example: Example) -> Iterator[str]:
    if example.proof == SECRET:
        yield f'data-urlencode = "client_secret=${example.secret}"'
    elif example.proof == BASIC:
        yield f'user = "{_plain(example.client_id)}:${example.secret}"'
    elif example.proof == KEY:
        yield f'data-urlencode = "client_assertion_type={ASSERTION_TYPE}"'
        yield 'data-urlencode = "client_assertion=$client_assertion"'
    elif example.proof == CERTIFICATE:
        yield 'cert = "client-certificate.pem"'


def _signed(example: Example) -> Iterator[str]:
    """Functions that sign, and the JWTs."""
    if example.proof != KEY and not example.request.signed:
        return
    yield "b64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }"
    yield "sign() {  # header, claims"
    yield '  input="$(printf %s "$1" | b64url).$(printf %s "$2" | b64url)"'
    yield f'  signature=$(printf %s "$input" | openssl dgst {DIGESTS[example.algorithm]} -sign "${example.key_file}" | b64url)'
    yield '  printf %s "$input.$signature"'
    yield "}"
    yield "now=$(date +%s)"
    if example.proof == KEY:
        yield from _jwt(example, "client_assertion", "JWT", {"sub": example.client_id})
    if example.request.signed:
        whom = {"sub": f"${USER}", "audit_context": f"${CONTEXT}"}
        yield from _jwt(example, "subject_token", WORKER_TOKEN, whom)


def _jwt(example: Example, name: str, kind: str, claims: dict[str, str]) -> Iterator[str]:
    kid = f', "kid": "{example.kid}"' if example.kid else ""
    full = {"iss": example.client_id, "aud": example.audience, **claims}
    told = ", ".join(f'"{key}": "{value if value.startswith("$") else _plain(value)}"' for key, value in full.items())
    yield f'{name}=$(sign \'{{"alg": "{example.algorithm}", "typ": "{kind}"{kid}}}\' "$(cat <<END'
    yield f'{{{told}, "iat": $now, "exp": $((now + {MAX_AGE})), "jti": "$(openssl rand -hex 16)"}}'
    yield "END"
    yield ')")'


def _plain(text: str) -> str:
    """Text inside a quoted value, inside a here-document: nothing in it means anything to curl, JSON or the shell."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("\r", " ")
    return quoted.replace("\\", "\\\\").replace("$", "\\$").replace("`", "\\`")
