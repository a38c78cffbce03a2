"""An exchange as programs that run as printed: curl and openssl, Python (and PyJWT where something is signed), Node.js."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from json import dumps
from typing import Any

from tokenvault import __version__
from tokenvault.exchange.sdks import SDKS
from tokenvault.exchange.usage import BASIC, CERTIFICATE, CONTEXT, KEY, SECRET, USER, Connecting, Example, Signer
from tokenvault.exchange.variables import SUBJECT_TOKEN
from tokenvault.flavors import flavors
from tokenvault.flavors.runtime.request import ASSERTION_TYPE, MAX_AGE, WORKER_TOKEN


def python(example: Example) -> str:
    """The program."""
    parts = [_imports(example), [""], _signed(example), _form(example), _request(example)]
    return "\n".join(line for part in parts for line in part) + "\n"


def signs(example: Example) -> bool:
    """Whether the program signs a JWT, and so needs PyJWT."""
    return bool(example.keys)


def _imports(example: Example) -> list[str]:
    modules = ["json", "os", "urllib.error", "urllib.parse", "urllib.request"]
    modules += ["time", "uuid"] if signs(example) else []
    modules += ["base64"] if example.proof == BASIC else []
    modules += ["ssl"] if example.proof == CERTIFICATE else []
    third = ["", "import jwt"] if signs(example) else []
    return [*(f"import {name}" for name in sorted(modules)), *third]


def _signed(example: Example) -> Iterator[str]:
    if not signs(example):
        return
    yield "def sign(file, header, **claims):"
    yield "    with open(os.environ[file]) as opened:"
    yield "        key = opened.read()"
    yield "    now = int(time.time())"
    yield "    claims |= {"
    yield f'        "iss": {dumps(example.client_id)}, "aud": {dumps(example.audience)},'
    yield f'        "iat": now, "exp": now + {MAX_AGE}, "jti": str(uuid.uuid4()),'
    yield "    }"
    yield '    return jwt.encode(claims, key, algorithm=header["alg"], headers=header)'
    yield ""
    yield ""


def _header(key: Signer, kind: str) -> str:
    """The variable with the key's file, and the JWT's header."""
    return f"{dumps(key.file)}, {dumps({**key.header, 'typ': kind})}"


def _form(example: Example) -> Iterator[str]:
    yield "form = {"
    for name, value in example.parameters.items():
        if name != "client_id" or example.proof != BASIC:
            yield f"    {dumps(name)}: {dumps(value)},"
    if example.proof == SECRET:
        yield f'    "client_secret": os.environ["{example.secret}"],'
    elif example.proof == KEY:
        yield f'    "client_assertion_type": {dumps(ASSERTION_TYPE)},'
        assertion = _header(example.authentication_key, "JWT")
        yield f'    "client_assertion": sign({assertion}, sub={dumps(example.client_id)}),'
    if example.request.signed:
        whom = f'sub=os.environ["{USER}"], audit_context=os.environ["{CONTEXT}"]'
        yield f'    "subject_token": sign({_header(example.key, WORKER_TOKEN)}, {whom}),'
    else:
        yield f'    "subject_token": os.environ["{SUBJECT_TOKEN}"],'
    yield "}"


def _request(example: Example) -> Iterator[str]:
    yield f"request = urllib.request.Request({dumps(example.url)}, urllib.parse.urlencode(form).encode())"
    if example.proof == BASIC:
        yield f'credentials = {dumps(example.client_id)} + ":" + os.environ["{example.secret}"]'
        yield 'request.add_header("Authorization", "Basic " + base64.b64encode(credentials.encode()).decode())'
    context = ""
    if example.proof == CERTIFICATE:
        yield "certificate = ssl.create_default_context()"
        yield 'certificate.load_cert_chain("client-certificate.pem")'
        context = ", context=certificate"
    yield "try:"
    yield f"    with urllib.request.urlopen(request{context}) as response:"
    yield "        token = json.load(response)"
    yield "except urllib.error.HTTPError as refusal:"
    yield "    raise SystemExit(refusal.read().decode())"
    yield ""
    yield '# token["access_token"] is what you call the provider with'
    yield 'print(token["scope"], "for", token["expires_in"], "seconds")'


def node(example: Example) -> str:
    """The program. Its own scope, so that several can stand in one file."""
    lines = [*_node_signed(example), *_node_form(example), *_node_request(example)]
    body = "\n".join(f"  {line}" if line else "" for line in lines)
    return f"(async () => {{\n{body}\n}})();\n"


def _node_signed(example: Example) -> Iterator[str]:
    if not signs(example):
        return
    yield 'const crypto = require("node:crypto");'
    yield "const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');"
    yield "const sign = (file, header, claims) => {"
    yield '  const key = require("node:fs").readFileSync(process.env[file]);'
    yield "  const now = Math.floor(Date.now() / 1000);"
    yield "  const all = {"
    yield f"    iss: {_text(example.client_id)}, aud: {_text(example.audience)},"
    yield f"    iat: now, exp: now + {MAX_AGE}, jti: crypto.randomUUID(), ...claims,"
    yield "  };"
    yield "  const input = `${encode(header)}.${encode(all)}`;"
    yield '  const padding = header.alg.startsWith("PS") ? "RSA_PKCS1_PSS_PADDING" : "RSA_PKCS1_PADDING";'
    yield "  const options = { key, padding: crypto.constants[padding], saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST };"
    yield "  const signature = crypto.sign(`sha${header.alg.slice(2)}`, Buffer.from(input), options);"
    yield "  return `${input}.${signature.toString('base64url')}`;"
    yield "};"


def _node_form(example: Example) -> Iterator[str]:
    yield "const form = new URLSearchParams({"
    for name, value in example.parameters.items():
        if name != "client_id" or example.proof != BASIC:
            yield f"  {name}: {_text(value)},"
    if example.proof == SECRET:
        yield f"  client_secret: process.env.{example.secret},"
    elif example.proof == KEY:
        yield f"  client_assertion_type: {_text(ASSERTION_TYPE)},"
        assertion = _header(example.authentication_key, "JWT")
        yield f"  client_assertion: sign({assertion}, {{ sub: {_text(example.client_id)} }}),"
    if example.request.signed:
        whom = f"sub: process.env.{USER}, audit_context: process.env.{CONTEXT}"
        yield f"  subject_token: sign({_header(example.key, WORKER_TOKEN)}, {{ {whom} }}),"
    else:
        yield f"  subject_token: process.env.{SUBJECT_TOKEN},"
    yield "});"


def _node_request(example: Example) -> Iterator[str]:
    if example.proof == BASIC:
        yield f"const credentials = {_text(example.client_id + ':')} + process.env.{example.secret};"
        yield "const headers = { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };"
    if example.proof == CERTIFICATE:
        yield "// Give fetch a dispatcher that holds your client certificate (mTLS)."
    headers = ", headers" if example.proof == BASIC else ""
    yield f'const response = await fetch({_text(example.url)}, {{ method: "POST", body: form{headers} }});'
    yield "const token = await response.json();"
    yield "if (!response.ok) {"
    yield "  console.error(token);"
    yield "  process.exit(1);"
    yield "}"
    yield "// token.access_token is what you call the provider with"
    yield "console.log(token.scope, 'for', token.expires_in, 'seconds');"


def _text(value: str) -> str:
    """A string literal: JSON in ASCII is JavaScript."""
    return dumps(value)


OPENSSL = {
    "RS256": "-sha256",
    "RS384": "-sha384",
    "PS256": "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest",
}


def curl(example: Example) -> str:
    """The program."""
    return "\n".join([*_curl_signed(example), *_curl_request(example)]) + "\n"


def _curl_request(example: Example) -> Iterator[str]:
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


def _curl_signed(example: Example) -> Iterator[str]:
    """Functions that sign, and the JWTs."""
    if not signs(example):
        return
    yield "b64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }"
    yield "sign() {  # header, claims, file of the key, how to sign"
    yield '  input="$(printf %s "$1" | b64url).$(printf %s "$2" | b64url)"'
    yield "  key=$3"
    yield "  shift 3"
    yield '  signature=$(printf %s "$input" | openssl dgst "$@" -sign "$key" | b64url)'
    yield '  printf %s "$input.$signature"'
    yield "}"
    yield "now=$(date +%s)"
    if example.proof == KEY:
        yield from _jwt(example, example.authentication_key, "client_assertion", "JWT", {"sub": example.client_id})
    if example.request.signed:
        whom = {"sub": f"${USER}", "audit_context": f"${CONTEXT}"}
        yield from _jwt(example, example.key, "subject_token", WORKER_TOKEN, whom)


def _jwt(example: Example, key: Signer, name: str, kind: str, claims: dict[str, str]) -> Iterator[str]:
    full = {"iss": example.client_id, "aud": example.audience, **claims}
    members = ", ".join(
        f'"{key}": "{value if value.startswith("$") else _plain(value)}"' for key, value in full.items()
    )
    yield f"{name}=$(sign '{dumps({**key.header, 'typ': kind})}' \"$(cat <<END"
    yield f'{{{members}, "iat": $now, "exp": $((now + {MAX_AGE})), "jti": "$(openssl rand -hex 16)"}}'
    yield "END"
    yield f')" "${key.file}" {OPENSSL[key.algorithm]})'


def _plain(text: str) -> str:
    """Text inside a quoted value, inside a here-document: nothing in it means anything to curl, JSON or the shell."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("\r", " ")
    return quoted.replace("\\", "\\\\").replace("$", "\\$").replace("`", "\\`")


FORMAT, VERSION = "tokenvault-usage", "1.1"
PROGRAMS: Mapping[str, Callable[[Example], str]] = {"curl": curl, "python": python, "node": node}


def usage_document(
    tenant: str, found: Iterable[Example], connecting: Iterable[Connecting], *, offline: bool
) -> dict[str, Any]:
    """Everything as JSON data. `offline`: ids are placeholders where no spec names them."""
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "tokenvault_version": __version__,
        "tenant": tenant,
        "offline": offline,
        "exchanges": [_exchange(example) for example in found],
        "connecting": [_connecting(one) for one in connecting],
    }


def _exchange(example: Example) -> dict[str, Any]:
    return {
        "application": example.application,
        "flavor": example.flavor,
        "summary": flavors()[example.flavor].summary,
        "client_id": example.client_id,
        "connection": example.connection,
        "connections": list(example.connections),
        "url": example.url,
        "parameters": dict(example.parameters),
        "proof": example.proof,
        "subject": example.request.subject,
        "variables": dict(example.variables),
        "scopes": list(example.scopes),
        "notes": list(example.notes),
        "needs": {
            "curl": "curl 7.76 or later" + (" and openssl" if signs(example) else ""),
            "python": "Python 3.9 or later" + (" and PyJWT: pip install 'pyjwt[crypto]'" if signs(example) else ""),
            "node": "Node.js 18 or later",
            **{name: sdk.install for name, sdk in SDKS.items()},
        },
        "programs": {
            **{name: program(example) for name, program in PROGRAMS.items()},
            **{name: sdk.program(example) for name, sdk in SDKS.items() if sdk.serves(example)},
        },
        "documentation": flavors()[example.flavor].doc,
    }


def _connecting(one: Connecting) -> dict[str, Any]:
    return {
        "application": one.application,
        "client_id": one.client_id,
        "connections": list(one.connections),
        "connection": one.connection,
        "scopes": list(one.scopes),
        "steps": list(one.steps),
        "documentation": flavors()["connected_accounts"].doc,
    }
