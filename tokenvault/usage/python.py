"""An exchange in Python: the standard library, and PyJWT where something is signed."""

from __future__ import annotations

from collections.abc import Iterator
from json import dumps

from tokenvault.runtime.request import ASSERTION_TYPE, MAX_AGE, WORKER_TOKEN
from tokenvault.usage.example import BASIC, CERTIFICATE, CONTEXT, KEY, SECRET, USER, Example
from tokenvault.variables import SUBJECT_TOKEN


def python(example: Example) -> str:
    """The program."""
    parts = [_imports(example), [""], _signed(example), _form(example), _request(example)]
    return "\n".join(line for part in parts for line in part) + "\n"


def signs(example: Example) -> bool:
    """Whether the program signs a JWT, and so needs PyJWT."""
    return example.proof == KEY or example.request.signed


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
    yield f'with open(os.environ["{example.key_file}"]) as file:'
    yield "    key = file.read()"
    yield ""
    yield ""
    yield "def sign(kind, **claims):"
    yield "    now = int(time.time())"
    kid = f', "kid": {dumps(example.kid)}' if example.kid else ""
    yield "    claims |= {"
    yield f'        "iss": {dumps(example.client_id)}, "aud": {dumps(example.audience)},'
    yield f'        "iat": now, "exp": now + {MAX_AGE}, "jti": str(uuid.uuid4()),'
    yield "    }"
    yield f'    return jwt.encode(claims, key, algorithm="{example.algorithm}", headers={{"typ": kind{kid}}})'
    yield ""
    yield ""


def _form(example: Example) -> Iterator[str]:
    yield "form = {"
    for name, value in example.parameters.items():
        if name != "client_id" or example.proof != BASIC:
            yield f"    {dumps(name)}: {dumps(value)},"
    if example.proof == SECRET:
        yield f'    "client_secret": os.environ["{example.secret}"],'
    elif example.proof == KEY:
        yield f'    "client_assertion_type": {dumps(ASSERTION_TYPE)},'
        yield f'    "client_assertion": sign("JWT", sub={dumps(example.client_id)}),'
    if example.request.signed:
        whom = f'sub=os.environ["{USER}"], audit_context=os.environ["{CONTEXT}"]'
        yield f'    "subject_token": sign("{WORKER_TOKEN}", {whom}),'
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
