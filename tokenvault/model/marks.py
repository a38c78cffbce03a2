"""The mark that tokenvault leaves on what it creates or adopts, so that no state file is needed.

A mark is metadata: which spec owns the object, under which key, whether tokenvault created it, and its provisions: what the
spec gave that was not there before. A provision is revoked when the spec stops asking for it; what nobody recorded was
there before and stays. APIs have no metadata: what a spec gave to one is recorded on its Custom API Client.

    acme/portal adopted api:my_account gave:callbacks=x5Gh2,grants=Qr81a mrrt:my_account was:oidc=tb6kG.false with:github
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any
from urllib.parse import quote, unquote

from tokenvault.secrets import is_sensitive

METADATA_KEY = "tokenvault"
MORE_KEYS = ("tokenvault_2", "tokenvault_3", "tokenvault_4")
API_METADATA_KEY = "tokenvault_api"
WRITE_ONLY, UNKEPT, ASKED, SECRET = "unseen", "unkept", "ask", "secret"
MAX_KEYS = 10
MAX_LENGTH = 255
_DIGEST = 5
_WORD = r"[a-z]+:[^\s:]+"
_FORM = re.compile(
    rf"(?P<spec>[a-z0-9-]{{1,40}})/(?P<key>[^\s/]{{1,200}}) (?P<how>created|adopted)(?P<provisions>(?: {_WORD})*)"
)
_MORE = re.compile(rf"{_WORD}(?: {_WORD})*")
_IMPORTANCE = (
    "privileged",
    WRITE_ONLY,
    "keys",
    "api",
    "made",
    "with",
    "mrrt",
    SECRET,
    "own",
    "gave",
    "was",
    "on",
    UNKEPT,
    "spec",
    ASKED,
)
"""Which provisions a mark keeps when it has no room for all: permissions before settings."""


def digest(text: str) -> str:
    """A hash of the text, short enough for a mark: five characters, 30 bits."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()[:_DIGEST]


def value_digest(value: Any) -> str:
    """The digest of any JSON value; `true` and `1` differ."""
    return digest(value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str))


@dataclass(frozen=True, slots=True, order=True)
class Provision:
    """One thing that a spec gave, as a mark records it: `verb:slot`, or `verb:slot=value`.

    - `own:SLOT`: the attribute was empty before; all that it holds belongs to the spec.
    - `gave:SLOT=DIGEST`: one member of a list in which others stood before.
    - `was:SLOT=DIGEST.VALUE`: the value that the attribute had before, and the digest of the one that replaced it.
    - `secret:SLOT`: a secret took the place of a value that may be one, too; so nobody records it, and plans do not show it.
    - `api:AUDIENCE`: the grant on an API; `mrrt:AUDIENCE`: the refresh token policy for it; `with:CONNECTION`: the place
      among the applications of a connection; `on:DIGEST`: all connections that the spec lists, where some had the application
      among theirs before; `privileged:access`, `privileged:keys`: a worker's access and its keys.
    - `unseen:SLOT=DIGEST`: what was written to an attribute that Auth0 takes and does not show.
    - `unkept:SLOT=DIGEST`: what was written, and Auth0 took and did not keep.
    - `spec:DIGEST`, `spec:DIGEST=NAMES`: the objects that the spec had when the mark was written, so that one that is gone is
      known to be; on connections, and where none is
      marked on the first application, with the first three characters of the digest of each.
    - `ask:WORDS`: what the spec asked when the mark was written, three characters for each attribute, so that an edit that was
      not applied is told from what others changed; left out where there is no room.
    - `keys:SPEC/KEY`: the spec from which a worker was taken over, whose name its keys still bear; `made:API`: an API that
      the spec created and that has no Custom API Client.
    """

    verb: str
    slot: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.verb}:{self.slot}" + (f"={self.value}" if self.value else "")


def replaced_value(slot: str, before: Any, after: Any) -> Provision:
    """The `was` provision for a value that another one replaces. Of a secret it holds not even a digest."""
    text = f"'{before}" if isinstance(before, str) else json.dumps(before, sort_keys=True)
    encoded = quote(text, safe="'").replace(".", "%2E")
    return Provision("was", slot, f"{'' if is_sensitive(after) else value_digest(after)}.{encoded}")


def value_before(provision: Provision) -> tuple[str, Any]:
    """The digest of the value that a `was` provision gave, and the value before it. `ValueError` when it holds none."""
    given, _, encoded = provision.value.partition(".")
    text = unquote(encoded)
    return given, text[1:] if text.startswith("'") else json.loads(text)


@dataclass(frozen=True, slots=True)
class Mark:
    """Which spec owns an object, under which key, whether tokenvault created it, and what the spec gave it."""

    spec: str
    key: str
    created: bool
    provisions: frozenset[Provision] = frozenset()

    @property
    def owner(self) -> str:
        """The spec and the key: what identifies the object."""
        return f"{self.spec}/{self.key}"

    def __str__(self) -> str:
        return self._texts(1)[0]

    def metadata(self, keys: Sequence[str]) -> dict[str, str]:
        """The metadata that holds the mark, spread over these keys; keys that it does not need are left out."""
        return dict(zip(keys, self._texts(len(keys)), strict=False))

    def forgotten(self, keys: Sequence[str] = (METADATA_KEY,)) -> tuple[Provision, ...]:
        """The provisions that these metadata keys have no room for."""
        kept = set(self._kept(len(keys))[1])
        return tuple(sorted(p for p in self.provisions - kept if _without_names(p) not in kept and p.verb != ASKED))

    def _texts(self, most: int) -> list[str]:
        return self._kept(most)[0]

    def _kept(self, most: int) -> tuple[list[str], list[Provision]]:
        """The texts of at most so many metadata values, and the provisions in them, the most important first."""
        head = f"{self.owner} {'created' if self.created else 'adopted'}"
        texts, kept = [head], list[list[Provision]]([[]])
        for provision in sorted(self.provisions, key=_weight):
            for form in dict.fromkeys([provision, _without_names(provision)]):
                text = _text(head if len(texts) == 1 else "", [*kept[-1], form])
                if len(text) > MAX_LENGTH and len(texts) < most and len(_text("", [form])) <= MAX_LENGTH:
                    texts, kept, text = [*texts, ""], [*kept, []], _text("", [form])
                if len(text) <= MAX_LENGTH:
                    texts[-1], kept[-1] = text, [*kept[-1], form]
                    break
        return texts, [provision for some in kept for provision in some]


def _without_names(provision: Provision) -> Provision:
    """A roster with its digest alone, which takes less room; any other provision as it is."""
    return replace(provision, value="") if provision.verb == "spec" else provision


def _weight(provision: Provision) -> tuple[int, Provision]:
    known = provision.verb in _IMPORTANCE
    return _IMPORTANCE.index(provision.verb) if known else len(_IMPORTANCE), provision


def _text(head: str, provisions: Iterable[Provision]) -> str:
    """`with:a`, `with:b` as `with:a,b`; `gave:s=x`, `gave:s=y` as `gave:s=x+y`."""
    words = []
    for verb, some in groupby(sorted(provisions), key=lambda p: p.verb):
        slots = []
        for slot, same in groupby(some, key=lambda p: p.slot):
            values = "+".join(p.value for p in same if p.value)
            slots.append(f"{slot}={values}" if values else slot)
        words.append(f"{verb}:{','.join(slots)}")
    return " ".join([head, *words] if head else words)


def _provisions(text: str) -> Iterator[Provision]:
    for verb, slots in (word.split(":", 1) for word in text.split()):
        for entry in filter(None, slots.split(",")):
            slot, _, values = entry.partition("=")
            found = (Provision(verb, slot, value) for value in (values.split("+") if values else [""]))
            yield from (provision for provision in found if _is_readable(provision))


def _is_readable(provision: Provision) -> bool:
    """Whether the provision says what its verb is to say. What somebody wrote into a mark by hand may not."""
    try:
        if provision.verb == "was":
            value_before(provision)
    except ValueError:
        return False
    return True


def parse_mark(text: Any) -> Mark | None:
    """The mark in a metadata value; None for anything that does not have a mark's exact form: it is somebody else's text."""
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return None
    provisions = frozenset(_provisions(found["provisions"]))
    return Mark(found["spec"], found["key"], found["how"] == "created", provisions)


def read_mark(metadata: Any, key: str = METADATA_KEY) -> Mark | None:
    """The mark inside an object's metadata, with the provisions that stand under further keys."""
    if not isinstance(metadata, Mapping):
        return None
    mark = parse_mark(metadata.get(key))
    more = [metadata[name] for name in MORE_KEYS if is_continuation(metadata.get(name))]
    if mark is None or key != METADATA_KEY or not more:
        return mark
    provisions = mark.provisions.union(*(_provisions(text) for text in more))
    return Mark(mark.spec, mark.key, mark.created, provisions)


def mark_words(values: Iterable[Any]) -> tuple[str, frozenset[Provision]]:
    """What metadata values of one mark hold together: whose the object is and whether it was created, and the provisions."""
    head, provisions = "", set[Provision]()
    for value in values:
        mark = parse_mark(value)
        head = str(replace(mark, provisions=frozenset())) if mark else head
        provisions |= mark.provisions if mark else set(_provisions(value)) if is_continuation(value) else set()
    return head, frozenset(provisions)


def joined(before: Any, after: Any) -> Any:
    """The text of a mark, or of its continuation, with the provisions of both; that of before where they have no room.

    What was asked before is left out, and what is asked now where that makes room.
    """
    head, provisions = mark_words([before, after])
    given = {p for p in provisions if p.verb != ASKED}
    asked = {p for p in mark_words([after])[1] if p.verb == ASKED}
    texts = (_text(head, some) for some in (given | asked, given) if after is not None)
    return next((text for text in texts if len(text) <= MAX_LENGTH), before)


def is_continuation(value: Any) -> bool:
    """Whether a metadata value continues a mark."""
    return isinstance(value, str) and _MORE.fullmatch(value) is not None


def mark_keys(metadata: Any, *others: str) -> list[str]:
    """The metadata keys that a mark may use: those that others left free, of ten, less those named `others`.

    None at all when somebody else's text stands under the first one.
    """
    present = metadata if isinstance(metadata, Mapping) else {}
    if METADATA_KEY in present and parse_mark(present[METADATA_KEY]) is None:
        return []
    usable = [METADATA_KEY, *(key for key in MORE_KEYS if key not in present or is_continuation(present[key]))]
    foreign = {*present, *others} - set(usable)
    return usable[: max(0, MAX_KEYS - len(foreign))]


def has_room(metadata: Any, key: str) -> bool:
    """Whether one more mark can stand under this key."""
    present = metadata if isinstance(metadata, Mapping) else {}
    strange = key in present and parse_mark(present[key]) is None
    return len({*present, key}) <= MAX_KEYS and not strange
