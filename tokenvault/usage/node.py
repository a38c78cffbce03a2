"""An exchange in Node.js 18 and later: its own fetch and crypto, no package."""

from __future__ import annotations

from collections.abc import Iterator
from json import dumps

from tokenvault.runtime.request import ASSERTION_TYPE, MAX_AGE, WORKER_TOKEN
from tokenvault.usage.example import BASIC, CERTIFICATE, CONTEXT, KEY, SECRET, USER, Example
from tokenvault.usage.python import signs
from tokenvault.variables import SUBJECT_TOKEN

DIGESTS = {"RS256": ("sha256", ""), "RS384": ("sha384", ""), "PS256": ("sha256", "PSS")}


def node(example: Example) -> str:
    """The program. Its own scope, so that several can stand in one file."""
    lines = [*_signed(example), *_form(example), *_request(example)]
    body = "\n".join(f"  {line}" if line else "" for line in lines)
    return f"(async () => {{\n{body}\n}})();\n"


def _signed(example: Example) -> Iterator[str]:
    if not signs(example):
        return
    digest, padding = DIGESTS[example.algorithm]
    kid = f", kid: {_text(example.kid)}" if example.kid else ""
    yield 'const crypto = require("node:crypto");'
    yield f'const key = require("node:fs").readFileSync(process.env.{example.key_file});'
    yield "const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');"
    yield "const sign = (typ, claims) => {"
    yield "  const now = Math.floor(Date.now() / 1000);"
    yield "  const all = {"
    yield f"    iss: {_text(example.client_id)}, aud: {_text(example.audience)},"
    yield f"    iat: now, exp: now + {MAX_AGE}, jti: crypto.randomUUID(), ...claims,"
    yield "  };"
    yield f'  const input = `${{encode({{ alg: "{example.algorithm}", typ{kid} }})}}.${{encode(all)}}`;'
    options = "key"
    if padding:
        options = "{ key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST }"
    yield f'  const signature = crypto.sign("{digest}", Buffer.from(input), {options});'
    yield "  return `${input}.${signature.toString('base64url')}`;"
    yield "};"


def _form(example: Example) -> Iterator[str]:
    yield "const form = new URLSearchParams({"
    for name, value in example.parameters.items():
        if name != "client_id" or example.proof != BASIC:
            yield f"  {name}: {_text(value)},"
    if example.proof == SECRET:
        yield f"  client_secret: process.env.{example.secret},"
    elif example.proof == KEY:
        yield f"  client_assertion_type: {_text(ASSERTION_TYPE)},"
        yield f'  client_assertion: sign("JWT", {{ sub: {_text(example.client_id)} }}),'
    if example.request.signed:
        whom = f"sub: process.env.{USER}, audit_context: process.env.{CONTEXT}"
        yield f'  subject_token: sign("{WORKER_TOKEN}", {{ {whom} }}),'
    else:
        yield f"  subject_token: process.env.{SUBJECT_TOKEN},"
    yield "});"


def _request(example: Example) -> Iterator[str]:
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
