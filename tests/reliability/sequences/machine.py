"""Carries a case out, step by step, and says which invariant does not hold.

What is known of the tenant is kept in a ledger of facts: what stood there before any spec gave it, and what each spec has
asked for, now and ever. The ledger is moved by what people do and by what specs say, never by what tokenvault answers.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.reliability.sequences import runtime, same
from tests.reliability.sequences.facts import (
    EXISTENCE,
    ME,
    Fact,
    Facts,
    Spec,
    asked,
    facts,
    flavors_of,
    is_still_off,
    words,
)
from tests.reliability.sequences.tenant import Accident, Refused, State, Tenant
from tests.reliability.sequences.unplanned import unplanned
from tests.reliability.sequences.unsayable import is_unsayable
from tests.reliability.sequences.world import Step, World, kids, resolved, shown
from tests.support import Result
from tokenvault import load_spec
from tokenvault.errors import SpecError
from tokenvault.model.marks import digest

Case = dict[str, Any]
BUG = re.compile(r"failed unexpectedly \(([^)]*)\)|(Traceback)")
CODE = re.compile(r"^Error: (?:.+\n)*?.*\[([a-z0-9-]+)\]$", re.MULTILINE)
WIPES = ("wipe", "wipe_connection")
STAYING = frozenset({"connection", "accounts", "scope", "option"})
"""Sorts of facts about connections: destroy says that connections stay."""
EITHER = frozenset({"auth_key", "worker_key", "key", "api_text", "setting"})
"""Sorts of which what was there before may go: a spec that says how a worker authenticates, or what a scope is for."""

NEEDS_A_PAST = frozenset(
    {"plan-missing-connection", "plan-missing-application", "plan-third-party", "plan-public-client"}
)
"""Refusals of a fresh tenant: the spec uses what an older version of it, or somebody else, has created; or that version
said of an application that it is first-party, or keeps a secret, which it has been since."""
HAS_A_PAST = frozenset({"plan-foreign-owner", "plan-immutable", "plan-slot-full", "plan-ambiguous-application"})
"""Refusals for a past alone: an object is another spec's, or was another entry's, which would have one of its own; has what Auth0
never changes (the algorithm of a key); or has two keys, beside which there is no room for the ones that come."""


@dataclass(frozen=True)
class Failure:
    """An invariant that does not hold, with a short signature of how, at a step of the case."""

    invariant: str
    signature: str
    step: int
    detail: str = ""

    @property
    def name(self) -> str:
        """What tells failures of one kind from others."""
        return f"{self.invariant}: {self.signature}"


@dataclass
class Outcome:
    """What came of a case."""

    failures: list[Failure] = field(default_factory=list)
    steps: int = 0
    commands: int = 0
    refused: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)


@dataclass
class Ledger:
    """What stood in the tenant before, and what each spec asks for.

    `now`: as it was last applied; `last`: as it was last tried; `ever`: since the beginning.
    """

    before: Facts = frozenset()
    added: Facts = frozenset()
    ever: dict[int, Facts] = field(default_factory=dict)
    now: dict[int, Facts] = field(default_factory=dict)
    last: dict[int, Facts] = field(default_factory=dict)

    def people(self, was: Facts, found: Facts) -> None:
        """Somebody changed the tenant by hand."""
        self.before = (self.before | (found - was)) - (was - found)
        self.added |= found - was

    def tries(self, which: int, wanted: Facts) -> None:
        """A spec asks for this, whether it gets it or not."""
        self.ever[which] = self.ever.get(which, frozenset()) | wanted
        self.last[which] = wanted

    @property
    def given(self) -> Facts:
        """What any spec has ever asked for."""
        return frozenset().union(*self.ever.values())

    def wanted_but_by(self, which: int) -> Facts:
        """What the other specs ask for."""
        others = [found for one, found in (*self.now.items(), *self.last.items()) if one != which]
        return frozenset().union(*others)


class Machine:
    """One case on one tenant."""

    def __init__(self, world: World, case: Case, *, thorough: bool = True, to_the_end: bool = True) -> None:
        self.world, self.case, self.thorough, self.to_the_end = world, case, thorough, to_the_end
        self.tenant: Tenant = world.tenant
        self.outcome = Outcome()
        self.specs: list[Spec] = [deepcopy(spec) for spec in case["specs"]]
        self.layout = ["one"] * len(self.specs)
        self.ledger = Ledger()
        self.first: State = {}
        self.hands: list[Step] = []
        self.is_clean = False
        self.tampered = False
        self.unmarked: set[str] = set()
        self.wiped_connections: set[str] = set()
        self.ids: dict[str, str] = {}
        self.created: set[str] = set()
        self.made_elsewhere: set[str] = set()
        self.last_refused = ""
        self.staying: set[str] = set()
        self.adopts = False
        self.step = -1

    # ---- running

    def run(self) -> Outcome:
        """Everything that the case says, until something is wrong; then what holds at the end of every sequence."""
        self.tenant.reset()
        for step in self.case.get("past", ()):
            try:
                self.world.hand(step)
            except Refused as refusal:
                self.outcome.refused.append(f"past: {refusal}")
        self.first = self.tenant.state()
        self.made_elsewhere = {key for key in self.first["clients"] if _is_made(self.first, key)}
        made: set[Any] = {*self.made_elsewhere}
        made |= {
            ("api_client", self.first["clients"][one].get("resource_server_identifier")) for one in self.made_elsewhere
        }
        self.ledger.before = frozenset(f for f in facts(self.first) if f not in made and not made.intersection(f))
        self._note_unmarked(self.first)
        for number, step in enumerate(self.case["steps"]):
            self.step = number
            self.outcome.steps += 1
            getattr(self, f"_do_{step['do']}")(step)
            if self.outcome.failures:
                return self.outcome
        self.step += 1
        if self.to_the_end:
            self._end()
        return self.outcome

    def _note_unmarked(self, state: State) -> None:
        """Applications on which no mark can stand, so that nobody can tell later what they were given."""
        self.unmarked |= _unmarkable(state)

    def fail(self, invariant: str, signature: str, detail: Any = "") -> None:
        """Notes a failure."""
        self.outcome.failures.append(Failure(invariant, signature, self.step, str(detail)[:3000]))

    # ---- edits of specs

    def _edit(self, which: int, change: Callable[[Spec], None]) -> None:
        """An edit that makes the spec invalid is not made: what an invalid spec does is another test."""
        changed = deepcopy(self.specs[which])
        try:
            change(changed)
        except (KeyError, IndexError, TypeError, ValueError):
            return
        if shown(changed) != shown(self.specs[which]) and self._is_valid(changed, which):
            before, self.specs[which] = self.specs[which], changed
            if self.is_clean and not self.tampered and which == 0:
                self._judge_edit(before)
            self.is_clean = False

    def _judge_edit(self, before: Spec) -> None:
        """An edit that was not applied yet is nothing that others changed."""
        if (done := self._drift_of(self.specs[0])) and not self._drift_of(before):
            self.fail("an edit is no drift", _said(done), done.out)

    def _drift_of(self, spec: Spec) -> Result | None:
        """What drift of a spec says of changes by others; None where it says nothing of any.

        Of a secret marks hold nothing, and where there is none, neither what is asked; nor of the MFA policy, which drift
        tells of wherever it is not as the spec asks. While no connection is marked, one that the spec let go and asks for
        again cannot be told from one that others took the mark from.
        """
        now, self.specs[0] = self.specs[0], spec
        done = self._command("drift", *self._files(0), "--format", "json")
        self.specs[0] = now
        changes = done.json["changes"] if done is not None and done.code != 1 else []
        silent_objects = _without_record(self.tenant.state(), self.specs[0]["name"])
        known = (change for change in changes if change["id"] not in silent_objects and change["kind"] != "mfa_policy")
        paths = [[a["path"][0] for a in change["attributes"]] for change in known]
        silent = [["options.client_secret"]]
        mark = f"{self.specs[0]['name']}/"
        if not any(mark in str(c.get("metadata")) for c in self.tenant.state()["connections"].values()):
            silent.append(["metadata.tokenvault"])
        return done if any(some not in silent for some in paths) else None

    def _is_valid(self, spec: Spec, which: int) -> bool:
        names = self.world.write(spec, self.layout[which], f"try{which}-")
        try:
            load_spec(*[self.world.folder / name for name in names], environment=self._env())
        except SpecError as error:
            self.outcome.refused.append(f"edit: {error.diagnostics[0].code}")
            return False
        return True

    def _env(self) -> dict[str, str]:
        return self.world.variables()

    def _do_put(self, step: Step) -> None:
        def put(spec: Spec) -> None:
            *above, last = step["path"]
            holder: Any = spec
            for part in above:
                holder = holder.setdefault(part, {}) if isinstance(holder, dict) else holder[part]
            holder[last] = deepcopy(step["value"])

        self._edit(step.get("spec", 0), put)

    def _do_drop(self, step: Step) -> None:
        def drop(spec: Spec) -> None:
            *above, last = step["path"]
            holder: Any = spec
            for part in above:
                holder = holder[part]
            del holder[last]

        self._edit(step.get("spec", 0), drop)

    def _do_rekey(self, step: Step) -> None:
        def rekey(spec: Spec) -> None:
            section = spec[step["section"]]
            if step["new"] in section:
                raise ValueError(step["new"])
            section[step["new"]] = section.pop(step["old"])

        self._edit(step.get("spec", 0), rekey)

    def _do_rename(self, step: Step) -> None:
        if step["name"] not in [spec["name"] for spec in self.specs]:
            self._edit(step.get("spec", 0), lambda spec: spec.update(name=step["name"]))

    def _do_move(self, step: Step) -> None:
        """Moves an application, and what it needs, to the other spec."""
        source, goal = step.get("spec", 0), 1 - step.get("spec", 0)
        found = self.specs[source].get("applications", {}).get(step["key"])
        if found is None or len(self.specs[source]["applications"]) < 2:
            return

        def take(spec: Spec) -> None:
            spec.setdefault("applications", {})[step["key"]] = deepcopy(found)
            for section in ("connections", "apis"):
                for key, entry in self.specs[source].get(section, {}).items():
                    spec.setdefault(section, {}).setdefault(key, {} if section == "connections" else deepcopy(entry))

        before = self.specs[goal]
        self._edit(goal, take)
        if self.specs[goal] is not before:
            self._edit(source, lambda spec: spec["applications"].pop(step["key"]))

    def _do_files(self, step: Step) -> None:
        self.layout[step.get("spec", 0)] = step["layout"]

    # ---- other people

    def _do_hand(self, step: Step) -> None:
        self._by_hand(step, lambda: self.world.hand(step))

    def _do_take(self, step: Step) -> None:
        """Takes away the nth fact of a sort that a spec asks for."""
        wanted = frozenset().union(*self.ledger.now.values()) if self.ledger.now else frozenset()
        found = sorted(fact for fact in facts(self.tenant.state()) & wanted if fact[0] == step["sort"])
        if found:
            fact = found[step["nth"] % len(found)]
            self._by_hand({**step, "fact": fact}, lambda: self.world.take(fact))

    def _by_hand(self, step: Step, act: Callable[[], None]) -> None:
        was_quiet = bool(step.get("foreign")) and self.is_clean and self._has_no_drift()
        before = self.tenant.state()
        was = facts(before)
        try:
            act()
        except Refused as refusal:
            self.outcome.refused.append(f"hand: {str(refusal)[:80]}")
            return
        after = self.tenant.state()
        found = facts(after)
        self.ledger.people(was, found)
        self._note_unmarked(after)
        wiped = {key for key in after["clients"] if _mark(before, key) and not _mark(after, key)}
        self.unmarked |= wiped | _records_lost(before, after)
        connections = _wiped_connections(before, after)
        self.wiped_connections |= connections.keys()
        is_ours = any(mark.startswith(f"{self.specs[0]['name']}/") for mark in connections.values())
        if wiped.intersection(self.ids.values()) or is_ours:
            step = {**step, "owned": True, "proven": not _lost_rosters(before, after) - _rosters(after)}
        if step.get("foreign"):
            self.hands.append(step)
        else:
            self.tampered = True
        if self.is_clean:
            self._after_people(step, was, found, was_quiet)

    def _has_no_drift(self) -> bool:
        """Whether drift of the first spec says that there is none; what the other spec took over is drift, too."""
        done = self._command("drift", *self._files(0), "--format", "json")
        return done is not None and done.code == 0

    def _after_people(self, step: Step, was: Facts, found: Facts, was_quiet: bool) -> None:
        """Drift tells what others did to what is asked for, and nothing else."""
        owned = self.ledger.now.get(0, frozenset())
        ids = self.ids
        owned -= self.ledger.wanted_but_by(0) - self._wanted(0, self.tenant.state())  # the other spec's own
        self.ids = ids
        nobodys = _unmarkable(self.tenant.state())  # of which no mark says that they are a spec's
        lost = {f for f in was - found if f in owned and not nobodys.intersection(f) and not is_still_off(f, found)}
        lost = {f for f in lost if not (f[0] == "enabled" and self.unmarked.intersection(f))}
        done = self._command("drift", *self._files(0), "--format", "json")
        if done is None or done.code == 1:
            return
        what = step.get("act") or "take"
        if lost or (step.get("owned") and self._is_about_ours(step)):
            self.is_clean = False
            sorts = ",".join(sorted({fact[0] for fact in lost})) or what
            is_untold = done.code != 2 and not (step.get("act") in WIPES and self._is_wiped_beyond_proof(step))
            if is_untold and not self._is_traceless(self.tenant.state()):
                self.fail("drift tells", f"{what} {sorts} not told", {"lost": sorted(lost), "drift": done.out[:800]})
        elif was_quiet and done.code == 2:
            addresses = [change["address"].split(".")[0] for change in done.json["changes"]]
            self.fail("drift tells", f"{what} is none of its business: {sorted(set(addresses))}", done.out)
        elif done.code == 2:
            self.is_clean = False

    def _is_wiped_beyond_proof(self, step: Step) -> bool:
        """Whether no mark that is left names an object which lost its own, and which is found by its id or is a connection;
        or the spec was edited since, and asks something else of it than it has.
        """
        applications = self.specs[0].get("applications", {})
        if step["act"] == "wipe" and "client_id" not in applications.get(step["whom"], {}):
            return False
        address = f"application.{step['whom']}" if step["act"] == "wipe" else f"connection.{step['name']}"
        planned = self._command("plan", *self._files(0), "--format", "json")
        changes = planned.json["changes"] if planned and planned.code == 0 else []
        paths = {a["path"][0] for change in changes if change["address"] == address for a in change["attributes"]}
        return not step.get("proven") or any("metadata.tokenvault" not in path for path in paths)

    def _is_about_ours(self, step: Step) -> bool:
        """Whether what somebody did by hand was about an application or a connection of the spec."""
        spec = self.specs[0]
        return step.get("whom") in spec.get("applications", {}) or bool(
            spec.get("connections", {}).get(step.get("name"))
        )

    # ---- commands

    def _files(self, which: int) -> list[str]:
        return self.world.write(self.specs[which], self.layout[which], f"spec{which}-")

    def _command(self, *arguments: object, accident: Accident | None = None) -> Result | None:
        """A command; what holds for every command is judged here."""
        done, self.traffic = self.tenant.run(*arguments, cwd=self.world.folder, env=self._env(), accident=accident)
        self.outcome.commands += 1
        words = " ".join(map(str, arguments))
        self.outcome.log.append(f"{self.step}: {words} -> {done.code if done else 'killed'} {self.traffic.writes}")
        if done is None:
            return None
        text = done.out + done.err
        if found := BUG.search(text):
            self.fail("no traceback", f"{arguments[0]} {found[1] or found[2]}", done.err)
        allowed = {0, 1} | ({2} if arguments[0] == "drift" or "--detailed-exitcode" in arguments else set())
        allowed |= {130} if accident and accident.how == "interrupt" else set()
        if done.code not in allowed:
            self.fail("documented exit code", f"{arguments[0]} {done.code}", text)
        if "canary-" in text:
            self.fail("no secret", f"{arguments[0]} shows a secret", text)
        if accident is None and arguments[0] not in ("apply", "destroy") and self.traffic.writes:
            self.fail("reads only", f"{arguments[0]} writes", self.traffic.writes)
        return done

    def _wanted(self, which: int, state: State) -> Facts:
        """What a spec asks for."""
        env = self._env()
        spec = resolved(self.specs[which], env)
        ids = self.world.ids(self.specs[which], state, env)
        self.ids = ids
        return asked(spec, ids, state, kids())

    def _do_apply(self, step: Step) -> None:
        which = step.get("spec", 0)
        names = self._files(which)
        options = [f"--{name}" for name in ("prune", "adopt") if step.get(name)]
        self.adopts |= bool(step.get("adopt"))
        for name in ("target", "exclude"):
            options += [part for address in step.get(name, ()) for part in (f"--{name}", address)]
        accident = Accident(**step["accident"]) if step.get("accident") else None
        before = self.tenant.state()
        self.last_refused = ""
        self.ledger.tries(which, self._wanted(which, before))
        if step.get("saved"):
            done, plan = self._saved(names, options, accident)
        else:
            if accident:  # a killed run leaves no plan to be read
                foretold = self._command("plan", *names, "--format", "json", *options)
                if foretold and foretold.code == 0:
                    self._note_unrecorded(which, foretold.json)
            done = self._command("apply", *names, "-y", "--json", *options, accident=accident)
            plan = planned(done.out) if done else None
        self._after_apply(step, which, before, done, plan, is_whole=not (step.get("target") or step.get("exclude")))

    def _saved(
        self, names: list[str], options: list[str], accident: Accident | None
    ) -> tuple[Result | None, dict[str, Any] | None]:
        """Plans into a file, and applies the file."""
        made = self._command("plan", *names, "--out", "plan.json", "--format", "json", *options)
        if made is None or made.code:
            return made, None
        document = made.json
        shown = self._command("show", "plan.json", "--format", "json")
        if shown and shown.json["changes"] != document["changes"]:
            self.fail("saved plan", "show differs from plan", "")
        return self._command("apply", "plan.json", "--json", accident=accident), document

    def _after_apply(
        self, step: Step, which: int, before: State, done: Result | None, plan: Any, *, is_whole: bool
    ) -> None:
        after = self.tenant.state()
        self.created |= after["clients"].keys() - before["clients"].keys()
        self.ledger.tries(which, self._wanted(which, after))
        traffic = self.traffic
        if plan is not None:
            whole = bool(done and done.code == 0)
            for path in unplanned(before, after, plan, is_whole=whole):
                self.fail("nothing unplanned", *path)
            self._note_unrecorded(which, plan)
        if done is None or traffic.met:
            self._note_cut_short(before, after)
            self.is_clean = False
            return
        if done.code:
            code = codes(done)
            self.outcome.refused.append(f"apply: {code}")
            self.last_refused = code
            if traffic.writes:
                self.fail("applies what it planned", f"{code} after writes", done.err + done.out[-1500:])
            self.is_clean = False
            return
        self.is_clean = False
        if is_whole:
            self._settled(step, which, after)

    def _note_unrecorded(self, which: int, plan: Any) -> None:
        """APIs of which nothing records that the spec made them, or what it gave to them, as warnings of the plan say.

        There is no application when it is created, no application exchanges tokens for it, or the Custom API Client that
        records it goes.
        """
        apis = resolved(self.specs[which].get("apis", {}), self._env())
        told = " ".join(w["summary"] for w in plan["warnings"] if w["code"] in ("plan-proof-goes", "plan-no-mark"))
        unrecorded = set(re.findall(r"api\.([^\s:]+)", told))
        if not self.specs[which].get("applications"):
            created = {c["address"].split(".", 1)[-1] for c in plan["changes"] if c["action"] == "create"}
            unrecorded |= created - {key for key, api in apis.items() if flavors_of(api)}
        self.unmarked |= {api["identifier"] for key, api in apis.items() if key in unrecorded}

    def _note_cut_short(self, before: State, after: State) -> None:
        """APIs that a killed run made just before the application on which that is recorded: they carry no mark themselves."""
        made = after["resource_servers"].keys() - before["resource_servers"].keys()
        marks = " ".join(str(client.get("client_metadata")) for client in after["clients"].values())
        linked = [client.get("resource_server_identifier") for client in after["clients"].values()]
        names = _names_in_marks(after)
        identifiers = {after["resource_servers"][one]["identifier"] for one in made}
        self.unmarked |= {one for one in identifiers if names[one] not in marks and one not in linked}

    def _is_traceless(self, state: State) -> bool:
        """Whether nothing in the tenant carries the first spec's mark any more: nobody can tell that it was ever applied."""
        name = self.specs[0]["name"]
        metadata = [c.get("client_metadata") for c in state["clients"].values()]
        metadata += [c.get("metadata") for c in state["connections"].values()]
        return not any(str((some or {}).get("tokenvault", "")).startswith(f"{name}/") for some in metadata)

    def _settled(self, step: Step, which: int, state: State) -> None:
        """What holds after an apply of everything that succeeded."""
        wanted = self._wanted(which, state)
        self.ledger.now[which] = wanted
        found = facts(state)
        over = self._excess(found, which, state, whole=bool(step.get("prune")))
        self._judge_ledger(step, found, wanted, over)
        self._judge_idle(step, which, bool(step.get("prune")))
        self.is_clean = not self.outcome.failures and bool(step.get("prune"))

    def _is_forgotten(self, fact: Fact) -> bool:
        """Whether the mark that recorded it is gone, or never was: it stays."""
        return bool(self.unmarked.intersection(fact)) or (fact[0] in STAYING and fact[1] in self.wiped_connections)

    def _excess(self, found: Facts, which: int, state: State, *, whole: bool) -> set[Fact]:
        """What a spec has given and no spec asks for: all of it, or only about what that spec still has."""
        asked_now = self.ledger.wanted_but_by(which) | self.ledger.now.get(which, frozenset())
        foreign = self._under_other_names(state) | self._made_by_the_other(which, state)
        excess = {
            fact
            for fact in (found - self.ledger.before - asked_now - self.ledger.added)
            & self.ledger.ever.get(which, frozenset())
            if not (fact[0] in STAYING and self._is_left(fact))
            and fact[0] != "setting"
            and not _is_mine(fact)
            and not self._is_kept(fact)
            and not self._is_forgotten(fact)
            and not foreign.intersection(fact)
        }
        if whole:
            return excess
        about = {*self.ids.values(), *self.specs[which].get("connections", {})}
        about |= {api["identifier"] for api in resolved(self.specs[which].get("apis", {}), self._env()).values()}
        mine = {fact for fact in excess if fact[0] not in EXISTENCE and fact[1] in about}
        return {fact for fact in mine if fact[0] != "enabled" or fact[2] in self.ids.values()}

    def _under_other_names(self, state: State) -> set[str]:
        """What carries the mark of a spec that has another name now, or is gone: no command is about that."""
        names = {spec["name"] for spec in self.specs}
        found: set[str] = set()
        apis = _names_in_marks(state)
        for client_id, client in state["clients"].items():
            mark = str(client.get("client_metadata", {}).get("tokenvault", ""))
            owner = mark.partition("/")
            if owner[1] and owner[0] not in names:
                found |= {client_id, str(client.get("resource_server_identifier", client_id))}
                found |= {identifier for identifier, name in apis.items() if name in mark}  # it records who made them
        for key, credential in state.get("credentials", {}).items():  # of a run cut short before it left a mark
            client_id, owner = key.split("/")[0], str(credential.get("name", "")).partition("/")
            if owner[1] and owner[0] not in names and not _mark(state, client_id):
                found.add(client_id)
        for connection in state["connections"].values():
            owner = str((connection.get("metadata") or {}).get("tokenvault", "")).partition("/")
            if owner[1] and owner[0] not in names:
                found.add(connection["name"])
        return found

    def _made_by_the_other(self, which: int, state: State) -> set[str]:
        """APIs of which only the other spec's marks record that they were made: it took over the application that did."""
        own = f"{self.specs[which]['name']}/"
        marks = [str(_mark(state, one)) for one in state["clients"]]
        mine, other = (" ".join(m for m in marks if m.startswith(own) == is_mine) for is_mine in (True, False))
        return {identifier for identifier, name in _names_in_marks(state).items() if name in other and name not in mine}

    def _is_left(self, fact: Fact) -> bool:
        """Whether a connection's fact is about one that no spec has any more: connections stay."""
        return fact[0] in ("connection", "accounts") or not any(
            fact[1] in (spec.get("connections") or {}) for spec in self.specs
        )

    def _is_kept(self, fact: Fact) -> bool:
        """Whether the option had another value before, nobody knows which; or is a key, which is set and never taken."""
        had = any(one[:3] == fact[:3] for one in self.ledger.before)
        return fact[0] == "option" and (had or fact[2] in ("client_id", "client_secret"))

    def _judge_ledger(self, step: Step, found: Facts, wanted: Facts, over: set[Fact]) -> None:
        lacking = wanted - found
        for sort in sorted({fact[0] for fact in lacking}):
            self.fail("given is what is asked", f"{sort} lacks", sorted(f for f in lacking if f[0] == sort))
        how = "with --prune" if step.get("prune") else "without --prune"
        for sort in sorted({fact[0] for fact in over}):
            self.fail("given is what is asked", f"{sort} stays {how}", sorted(f for f in over if f[0] == sort))
        lost = {
            fact
            for fact in self.ledger.before - found
            if fact[0] not in EITHER
            and not (self.created - self.tenant.state()["clients"].keys()).intersection(fact)
            and not any(one[:3] == fact[:3] for one in self.ledger.given if fact[0] == "option")
            and not (fact[0] == "scope" and ("option", *fact[1:], "false") in self.ledger.given)
        }
        for sort in sorted({fact[0] for fact in lost}):
            self.fail("others keep theirs", f"{sort} is gone", sorted(f for f in lost if f[0] == sort))

    def _judge_idle(self, step: Step, which: int, prune: bool) -> None:
        """A plan is empty and another apply writes nothing; what was left behind is told."""
        names = self._files(which)
        state = self.tenant.state()
        left = self._excess(facts(state), which, state, whole=True)
        done = self._command("plan", *names, "--detailed-exitcode", "--format", "json", *(["--prune"] if prune else []))
        if done and done.code == 2 and not left and (done.json["changes"] or not done.json["orphans"]):
            signature = _said(done)
            self.fail("plan after apply is empty", signature, done.out[:3000])
        elif done and done.code == 0 and left and not prune:
            worst = min((fact[0] for fact in left), key=lambda sort: (sort not in EXISTENCE, sort))
            self.fail("what is left behind is told", f"plan says no changes: {worst}", sorted(left))
        elif done and done.code == 1:
            self.fail("plan after apply is empty", f"refused {CODE.findall(done.err)[:2]}", done.err)
        if done and done.code != 1:
            self._judge_offline(which, done.json)
        if self.thorough or self.step % 3 == 0:
            again = self._command("apply", *names, "-y", *(["--prune"] if prune else []))
            if self.traffic.writes:
                said = [re.sub(r"/[^ ]*", "", write) for write in self.traffic.writes]
                self.fail("second apply writes nothing", " ".join(sorted(set(said))), again and again.out)

    def _judge_offline(self, which: int, plan: dict[str, Any]) -> None:
        """Offline access that is asked for is set, or the plan says that it cannot be."""
        state = self.tenant.state()
        for name, connection in self.specs[which].get("connections", {}).items():
            is_told = any("ffline" in json.dumps(warning) for warning in plan["warnings"])
            if (connection or {}).get("offline_access") and not is_told and not _is_offline(state, name):
                self.fail("given is what is asked", "offline_access is dropped silently", name)

    def _do_plan(self, step: Step) -> None:
        """Any plan, in any form: it must come, and nothing is written."""
        options = [f"--{name}" for name in ("prune", "adopt") if step.get(name)]
        self._command("plan", *self._files(step.get("spec", 0)), "--format", step["format"], *options)

    def _do_drift(self, step: Step) -> None:
        done = self._command("drift", *self._files(step.get("spec", 0)), "--format", "json")
        applied = list(self.ledger.now) == [step.get("spec", 0)]
        if done and self.is_clean and done.code != 0 and applied:
            self.fail("drift tells", f"{done.code} though nothing changed", done.out + done.err)

    def _do_destroy(self, step: Step) -> None:
        which = step.get("spec", 0)
        accident = Accident(**step["accident"]) if step.get("accident") else None
        before = self.tenant.state()
        self.ledger.tries(which, self._wanted(which, before))
        as_events = ["--json"] if step.get("json") else []
        done = self._command("destroy", *self._files(which), "-y", *as_events, accident=accident)
        self.is_clean = False
        after = self.tenant.state()
        if done and as_events:
            for path in unplanned(before, after, planned(done.out), is_whole=done.code == 0):
                self.fail("nothing unplanned", *path)
        if done is None or self.traffic.met:
            return
        if done.code:
            code = codes(done)
            self.outcome.refused.append(f"destroy: {code}")
            if self.traffic.writes:
                self.fail("applies what it planned", f"destroy {code} after writes", done.err)
            return
        self._left(which, after, done)

    def _left(self, which: int, state: State, done: Result) -> None:
        """What a spec gave is gone, and what was there before is there."""
        self.ledger.now.pop(which, None)
        found = facts(state)
        said = self._said_to_stay(which, done)
        guarded = self._protected(which, state) | said
        self.staying |= said
        self.unmarked |= guarded.intersection(api["identifier"] for api in state["resource_servers"].values())
        over = {
            fact
            for fact in self._excess(found, which, state, whole=True)
            if fact[0] not in STAYING and not guarded.intersection(fact)
        }
        for sort in sorted({fact[0] for fact in over}):
            self.fail("leaving gives back", f"{sort} stays", sorted(f for f in over if f[0] == sort))
        deleted = self.created - state["clients"].keys()  # with an application goes what others gave to it
        lost = {f for f in self.ledger.before - found if f[0] not in EITHER | STAYING and not deleted.intersection(f)}
        for sort in sorted({fact[0] for fact in lost}):
            self.fail("leaving gives back", f"{sort} of others is gone", sorted(f for f in lost if f[0] == sort))

    def _said_to_stay(self, which: int, done: Result) -> set[str]:
        """The identifiers of APIs of which destroy says that they stay; its events say nothing of them."""
        apis = resolved(self.specs[which].get("apis", {}), self._env())
        is_said = "--json" in self.outcome.log[-1]
        return {api["identifier"] for key, api in apis.items() if is_said or f"api.{key} stays" in done.out + done.err}

    def _protected(self, which: int, state: State) -> set[str]:
        """What is about a protected application or API."""
        spec = resolved(self.specs[which], self._env())
        ids = self.world.ids(self.specs[which], state, self._env())
        apps = spec.get("applications", {})
        kept = {ids[key] for key, app in apps.items() if app.get("protect") and key in ids}
        used = {
            flavors_of(app).get("access_token_exchange", {}).get("api") for app in apps.values() if app.get("protect")
        }
        apis = {a["identifier"] for key, a in spec.get("apis", {}).items() if a.get("protect") or key in used}
        return kept | apis

    def _do_doctor(self, step: Step) -> None:
        names = self._files(step.get("spec", 0))
        done = self._command("doctor", *names, "--format", "json")
        if done and done.out and not self.outcome.failures:
            looks = self.specs[step.get("spec", 0)].get("mfa_policy") != "ignore"
            for signature, detail in runtime.disagreements(self.tenant, done.json, looks_at_mfa=looks):
                self.fail("doctor if and only if exchange", signature, detail)

    def _do_export(self, step: Step) -> None:
        name = self.specs[step.get("spec", 0)]["name"]
        done = self._command("export", "-o", "exported.yaml", "--force", "--name", name)
        if done is None or done.code:
            if done and not self.outcome.failures:
                self.fail("export plans empty", f"export fails {CODE.findall(done.err)[:1]}", done.err)
            return
        text = (self.world.folder / "exported.yaml").read_text()
        if "\napplications:" not in text:
            return
        again = self._command("plan", "exported.yaml", "--detailed-exitcode", "--format", "json")
        if (
            again
            and again.code == 2
            and is_unsayable(again.json, text, self.tenant.state(), by_hand=self.tampered or self.adopts)
        ):
            return
        if again and again.code and (again.code != 2 or again.json["changes"]):  # 2 also tells of what a spec dropped
            signature = _said(again) if again.code == 2 else f"refused {CODE.findall(again.err)[:2]}"
            self.fail("export plans empty", signature, f"{text}\n{again.out}")

    # ---- at the end of every sequence

    def _end(self) -> None:
        used = [which for which in range(len(self.specs)) if which == 0 or which in self.ledger.now]
        refused = []
        for which in used:
            self._do_apply({"do": "apply", "spec": which, "prune": True, "adopt": self.adopts})
            refused += [self.last_refused] if self.last_refused else []
            if self.outcome.failures:
                return
        if refused and not self.tampered:
            self._refused_alike(used, ",".join(refused))
        if refused or not self.is_clean:
            return
        self._do_doctor({})
        self._do_export({})
        if self.outcome.failures or self.tampered:
            return
        self._same_end(used)

    def _refused_alike(self, used: list[int], code: str) -> None:
        """What is refused after a history is refused without one."""
        files, env = {which: self._files(which) for which in used}, self._env()
        is_gone = self.adopts and bool(self.made_elsewhere - self.tenant.state()["clients"].keys())
        if is_gone or HAS_A_PAST.intersection(code.split(",")) or self._fresh(files, env, tells=False) is None:
            return  # what another spec had created goes with the one that took it over
        self.fail("history does not matter", f"refused {code}, and not on a fresh tenant")

    def _same_end(self, used: list[int]) -> None:
        """The tenant is what a fresh one would be with the last specs alone; and so it is after leaving both.

        A spec that got another name knows nothing of what it had left behind under the old one, and what another spec had
        created is deleted with the one that took it over.
        """
        mine = self.tenant.state()
        if self._under_other_names(mine) - self._under_other_names(self.first):
            return
        if self.adopts and self.made_elsewhere:
            return
        files = {which: self._files(which) for which in used}
        env = self._env()
        fresh = self._fresh(files, env)
        if fresh is None:
            return
        specs = [self.specs[which] for which in used] if self._is_found_alike(used, mine, env) else []
        forgotten = self.unmarked | self.wiped_connections
        found = same.differences(mine, fresh, self.first, specs, forgotten) if specs else ()
        for signature, detail in found:
            self.fail("history does not matter", signature, detail)
        if self.outcome.failures:
            return
        self.tenant.load(mine)
        managed = {one for which in used for one in self.world.ids(self.specs[which], mine, env).values()}
        for which in used:
            guarded = self._protected(which, mine)
            self.staying |= guarded | {mine["clients"][one]["name"] for one in guarded if one in mine["clients"]}
            clients = [*mine["clients"].values(), *self.first["clients"].values()]
            self.staying |= {c["name"] for c in clients if c.get("resource_server_identifier") in guarded}
            self._do_destroy({"spec": which})
        managed |= {fact[1] for fact in self.ledger.given}  # what a spec had once, too
        managed |= {one for one, client in mine["clients"].items() if client.get("resource_server_identifier")}
        if not self.outcome.failures and not forgotten & managed:
            for signature, detail in same.left(self.first, self.tenant.state(), self.hands, self.staying):
                self.fail("leaving gives back", signature, detail)

    def _is_found_alike(self, used: list[int], mine: State, env: Mapping[str, str]) -> bool:
        """Whether a fresh run finds each application of before by what the specs say, not only by the mark that it carries.

        An application that was adopted by a name which the spec dropped or changed since is still the spec's; a fresh run
        creates another.
        """
        return all(
            self.world.ids(self.specs[which], self.first, env).get(key) == found
            for which in used
            for key, found in self.world.ids(self.specs[which], mine, env).items()
            if found in self.first["clients"]
        )

    def _fresh(self, files: Mapping[int, list[str]], env: Mapping[str, str], *, tells: bool = True) -> State | None:
        self.tenant.load(self.first)
        for step in self.hands:
            try:
                self.world.hand(step)
            except Refused:
                return None
        for names in files.values():
            done = self._command("apply", *names, "-y", "--prune", *(["--adopt"] if self.adopts else []))
            if done is None or done.code:
                code = codes(done) if done else "killed"
                if tells and code not in NEEDS_A_PAST:
                    self.fail("history does not matter", f"fresh refused {code}", done)
                return None
        return self.tenant.state()


def planned(out: str) -> dict[str, Any]:
    """The plan that events of an apply tell."""
    events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    told = (event["diagnostic"] for event in events if event["type"] == "diagnostic")
    return {
        "changes": [event["change"] for event in events if event["type"] == "planned" and event.get("change")],
        "warnings": [one for one in told if one["severity"] == "warning"],
    }


def _is_offline(state: State, name: str) -> bool:
    """Whether a connection asks its provider for refresh tokens."""
    options = next((c.get("options") or {} for c in state["connections"].values() if c["name"] == name), {})
    return bool(options.get("offline_access")) or "offline_access" in words(options.get("scope"))


def _mark(state: State, client_id: str) -> Any:
    """The mark of an application, if it is there and has one."""
    return (state["clients"].get(client_id, {}).get("client_metadata") or {}).get("tokenvault")


def _unmarkable(state: State) -> set[str]:
    """The applications on which no mark can stand, as their metadata is full or holds another's text under our key; and the
    APIs of such Custom API Clients, of which those cannot record what is given."""
    found = set()
    for client_id, client in state["clients"].items():
        metadata = client.get("client_metadata") or {}
        mark = str(metadata.get("tokenvault", ""))
        is_strange = bool(mark) and not re.match(r"[a-z0-9-]+/\S+ (created|adopted)", mark)
        most = 8 if client.get("resource_server_identifier") else 9  # that of an API's client has a second key
        found |= {client_id} if is_strange or (len(metadata) > most and not mark) else set()
        is_silent = len(metadata) > 9 and "tokenvault_api" not in metadata
        found |= {client["resource_server_identifier"]} if is_silent and most == 8 else set()
    return found


def _without_record(state: State, spec: str) -> set[str]:
    """The applications whose marks do not hold what is asked of them, and the APIs of such Custom API Clients; all APIs,
    where no application is marked by the spec.
    """
    marks = {key: str(client.get("client_metadata")) for key, client in state["clients"].items()}
    clients = {key: client for key, client in state["clients"].items() if "ask:" not in marks[key]}
    linked = {client.get("resource_server_identifier") for client in clients.values()}
    is_bare = not any(f"'{spec}/" in mark and "ask:" in mark for mark in marks.values())
    apis = state["resource_servers"].items()
    return {*clients, *(key for key, api in apis if is_bare or api["identifier"] in linked)}


def _wiped_connections(before: State, after: State) -> dict[str, str]:
    """The connections that lost their mark, with it."""
    marks = {c["name"]: (c.get("metadata") or {}).get("tokenvault") for c in before["connections"].values()}
    left = {c["name"]: (c.get("metadata") or {}).get("tokenvault") for c in after["connections"].values()}
    return {name: mark for name, mark in marks.items() if mark and name in left and not left[name]}


def _rosters(state: State) -> set[str]:
    """What the tenant's marks say that their specs have, in digests."""
    metadata = [c.get("client_metadata") for c in state["clients"].values()]
    metadata += [c.get("metadata") for c in state["connections"].values()]
    return set(re.findall(r"spec:([\w-]{5})", " ".join(map(str, metadata))))


def _lost_rosters(before: State, after: State) -> set[str]:
    """Those that stood in what lost its mark."""
    marks = [_mark(before, key) for key in after["clients"] if not _mark(after, key)]
    return set(
        re.findall(r"spec:([\w-]{5})", " ".join(map(str, [*marks, *_wiped_connections(before, after).values()])))
    )


def _names_in_marks(state: State) -> dict[str, str]:
    """What marks call each API of the tenant, by its identifier."""
    return {api["identifier"]: f"~{digest(api['identifier'])}" for api in state["resource_servers"].values()}


def _records_lost(before: State, after: State) -> set[str]:
    """The APIs of which a mark that is gone alone recorded that a spec made them."""
    was, left = (" ".join(str(_mark(state, one)) for one in state["clients"]) for state in (before, after))
    return {identifier for identifier, name in _names_in_marks(after).items() if name in was and name not in left}


def _is_made(state: State, client_id: str) -> bool:
    """Whether a spec created the application, by its mark."""
    return " created" in str(_mark(state, client_id))


def codes(done: Result) -> str:
    """The codes of what went wrong, and the attributes that were not kept."""
    found = set(CODE.findall(done.err))
    for line in done.out.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        told = [event.get("diagnostic"), *event.get("not_kept", ()), *event.get("diagnostics", ())]
        found |= {f"{one['code']}{_not_kept(one['summary'])}" for one in told if one and one["severity"] == "error"}
    return ",".join(sorted(found)[:3]) or "no code"


def _not_kept(summary: str) -> str:
    kept = re.search(r"did not keep ([\w.]+)", summary)
    return f" {kept[1]}" if kept else ""


def _said(done: Result) -> str:
    """The changes of a plan, without names."""
    paths = sorted(
        {
            f"{change['action']} {change['kind']} {attribute['path'][0]}"
            for change in done.json["changes"]
            for attribute in change["attributes"] or [{"path": [""]}]
        }
    )
    return "; ".join(paths[:4])


def _is_mine(fact: Fact) -> bool:
    """Whether it is the My Account API, which stays."""
    return fact[0] == "api" and fact[1] == ME


def play(tenant: Tenant, case: Case, *, thorough: bool = True, to_the_end: bool = True) -> Outcome:
    """Carries a case out on this tenant; `to_the_end`, with what holds at the end of every sequence."""
    with tempfile.TemporaryDirectory(dir=_memory(), prefix="sequence-") as folder:
        return Machine(World(Path(folder), tenant), case, thorough=thorough, to_the_end=to_the_end).run()


def _memory() -> str | None:
    """A folder that is no disk, where the system has one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def sorts(found: Iterable[Failure]) -> list[str]:
    """The names of failures."""
    return sorted({failure.name for failure in found})
