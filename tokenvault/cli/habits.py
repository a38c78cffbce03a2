"""What people type who come from Terraform, kubectl, gh or ruff: the command, option or file that they probably mean."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from tokenvault.errors import Diagnostic, RefusedError

_LOGIN = (
    "tokenvault has no login of its own: it uses that of the Auth0 CLI (`auth0 login`), or $AUTH0_DOMAIN with "
    "$AUTH0_CLIENT_ID and $AUTH0_CLIENT_SECRET. `tokenvault auth status` shows what it would use."
)
_NO_STATE = "There is no state to keep, lock or repair: every plan reads the tenant itself."
_MEANT = {
    "plan": "diff preview dry-run dryrun changes compare",
    "apply": "up deploy sync push update create set converge reconcile run execute",
    "destroy": "down delete rm remove teardown uninstall clean",
    "validate": "check lint test fmt format verify-spec",
    "doctor": "diagnose health debug troubleshoot verify ready check-health why",
    "export": "import pull dump download adopt generate scan discover",
    "init": "new setup wizard start bootstrap configure config quickstart scaffold",
    "drift": "refresh watch detect changed",
    "graph": "draw diagram picture visualize viz tree",
    "show": "view cat print display inspect",
    "output": "outputs secrets secret env ids credentials creds get",
    "exchange": "token tokens swap",
    "usage": "example examples snippet snippets code howto",
    "snapshot": "backup save state-dump",
    "explain": "rule why-not code describe what reason",
    "auth status": "status whoami who account accounts",
    "sandbox serve": "serve server mock simulate emulator start-server local",
    "sandbox reset": "reset",
    "completion": "completions autocomplete",
    "schema": "schemas jsonschema reference docs documentation man",
}
_SYNONYMS = {word: command for command, words in _MEANT.items() for word in words.split()}
_ADVICE = {
    "login": _LOGIN,
    "logout": _LOGIN,
    "signin": _LOGIN,
    "auth login": _LOGIN,
    "auth logout": _LOGIN,
    "auth token": "A token is never shown. `tokenvault auth status` says where it comes from and what it allows.",
    "state": _NO_STATE,
    "taint": _NO_STATE,
    "untaint": _NO_STATE,
    "unlock": _NO_STATE,
    "force-unlock": _NO_STATE,
    "workspace": "Environments are files here: `tokenvault plan base.yaml production.yaml` puts one over the other.",
    "env-list": "Environments are files here: `tokenvault plan base.yaml production.yaml` puts one over the other.",
    "list": "`tokenvault output` lists the applications of a spec, `tokenvault doctor` all that use Token Vault.",
    "ls": "`tokenvault output` lists the applications of a spec, `tokenvault doctor` all that use Token Vault.",
    "upgrade": "It is upgraded by what installed it: `uv tool upgrade`, `pipx upgrade` or pip.",
    "self-update": "It is upgraded by what installed it: `uv tool upgrade`, `pipx upgrade` or pip.",
    "auth whoami": "Write `tokenvault auth status`.",
    "auth show": "Write `tokenvault auth status`.",
    "sandbox start": "Write `tokenvault sandbox serve`.",
    "sandbox run": "Write `tokenvault sandbox serve`.",
    "sandbox up": "Write `tokenvault sandbox serve`.",
    "sandbox init": "The sandbox is there when it is first used: `tokenvault plan --sandbox`. `sandbox reset` starts over.",
}
_VARIABLES = (
    "A spec takes variables from the environment, as ${env:NAME}: set NAME, or read it from a file with --env-file."
)
_OPTIONS = {
    "--var": _VARIABLES,
    "--var-file": _VARIABLES,
    "--set-env": _VARIABLES,
    "--dry-run": "`tokenvault plan` changes nothing; `apply` asks before it does.",
    "--check": "`tokenvault plan --detailed-exitcode` ends with 2 when there are changes.",
    "--refresh-only": "`tokenvault drift` says what changed behind the spec's back.",
    "--destroy": "`tokenvault destroy` takes away what the spec created.",
    "--replace": "Nothing is replaced: objects are changed as they are.",
    "--refresh": _NO_STATE,
    "--state": _NO_STATE,
    "--lock": _NO_STATE,
    "--lock-timeout": _NO_STATE,
    "--backup": _NO_STATE,
    "--workspace": "Environments are files here: name the spec and its overlay, `tokenvault plan base.yaml production.yaml`.",
    "--env": "Environments are files here: name the spec and its overlay. Variables are read with --env-file.",
    "--file": "Specs are named without an option: `tokenvault plan spec.yaml`.",
    "--filename": "Specs are named without an option: `tokenvault plan spec.yaml`.",
    "--config": "Specs are named without an option: `tokenvault plan spec.yaml`.",
    "--spec": "Specs are named without an option: `tokenvault plan spec.yaml`.",
    "-f": "Specs are named without an option: `tokenvault plan spec.yaml`.",
    "-c": "Specs are named without an option: `tokenvault plan spec.yaml`.",
    "--chdir": "Name the folder of the spec: `tokenvault plan folder/`.",
    "-C": "Name the folder of the spec: `tokenvault plan folder/`.",
    "--input": "Nothing is asked where there is no terminal; --auto-approve (-y) answers the question of `apply`.",
    "--compact-warnings": "`--summary` shows one line for each object.",
    "--parallelism": "--max-rps sets how many requests a second are sent.",
    "--client-secret": "A secret does not belong on a command line, where others see it: set $AUTH0_CLIENT_SECRET.",
    "--token": "A token does not belong on a command line, where others see it: set $AUTH0_API_TOKEN.",
    "--api-token": "A token does not belong on a command line, where others see it: set $AUTH0_API_TOKEN.",
}
_SAME = {
    "--domain": "--tenant",
    "--verbose": "--debug",
    "--trace": "--debug",
    "--yes": "--auto-approve",
    "--approve": "--auto-approve",
    "--assume-yes": "--auto-approve",
    "--force": "--auto-approve",
    "--output-file": "--out",
    "--output-format": "--format",
    "--fmt": "--format",
    "--no-colour": "--no-color",
    "--environment-file": "--env-file",
    "--envfile": "--env-file",
    "--dotenv": "--env-file",
    "--concise": "--summary",
    "--short": "--summary",
    "--long": "--full",
    "--only": "--target",
    "--skip": "--exclude",
    "--rate": "--max-rps",
    "--mock": "--sandbox",
    "--offline": "--live",
}
_FORMATS = frozenset(
    ("json", "yaml", "yml", "text", "txt", "markdown", "md", "html", "svg", "dot", "mermaid", "github", "table", "wide")
)
_OUT = ("-o", "--out", "--output")
_SINGLE = re.compile(r"-([A-Za-z][A-Za-z-]+)(=.*)?", re.DOTALL)


def unknown_command(path: str, name: str, known: Sequence[str]) -> RefusedError:
    """The error for an unknown command, with the one that was probably meant; `path` is what stands before it."""
    words = " ".join([*path.split()[1:], name.lower()])
    return RefusedError(
        Diagnostic(
            code="command-unknown",
            summary=f"{path} has no command {name[:60]}",
            hint=_advice(words) or _nearest(path, name.lower(), known) or f"`{path} --help` lists its commands.",
        )
    )


def _advice(words: str) -> str:
    if words in _ADVICE:
        return _ADVICE[words]
    return f"Did you mean `tokenvault {_SYNONYMS[words]}`?" if words in _SYNONYMS else ""


def _nearest(path: str, name: str, known: Sequence[str]) -> str:
    """By spelling: a command, or a word that stands for one."""
    candidates = [*known, *(_SYNONYMS if " " not in path else ()), *(_ADVICE if " " not in path else ())]
    close = next(iter(get_close_matches(name, candidates, n=1, cutoff=0.7)), "")
    return "" if not close else f"Did you mean `{path} {close}`?" if close in known else _advice(close)


def unknown_option(path: str, option: str, known: Sequence[str], arguments: Sequence[str]) -> RefusedError:
    """The error for an option that the command does not have, with the one that was probably meant.

    `arguments` are the names of what the command takes without an option.
    """
    same = _SAME.get(option, "")
    close = next(iter(get_close_matches(option, list(known), n=1, cutoff=0.7)), "")
    if option.lstrip("-").upper() in arguments:
        hint = f"It stands without an option: `{path} {' '.join(arguments)}`."
    elif same in known:
        hint = f"Write {same}."
    elif option in _OUT:
        hint = f"It writes to stdout: add > FILE behind `{path} …`."
    elif option in _OPTIONS:
        hint = _OPTIONS[option]
    elif close:
        hint = f"Did you mean {close}?"
    else:
        hint = f"`{path} --help` lists its options."
    return _refused("command-option", f"{path} has no option {option[:60]}", hint)


def refuse_single_dashes(path: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Refuses `-out=p.json`, as Terraform writes it: it would be `-o` with the value `ut=p.json`."""
    for index, word in enumerate(given):
        if word == "--":
            return
        found = _SINGLE.fullmatch(word)
        long = f"--{found[1]}" if found else ""
        if long in known or long in _SAME:
            right = [*given[:index], f"-{word}", *given[index + 1 :]]
            hint = f"Long options have two dashes: `{_line(path, right)}`."
            raise _refused("command-option", f"{word[:60]} has one dash", hint)
        if long in _OPTIONS:
            raise _refused("command-option", f"{path} has no option {word[:60]}", _OPTIONS[long])
        if word.startswith("-o=") and "-o" in known:
            right = [*given[:index], "-o", word[3:], *given[index + 1 :]]
            raise _refused("command-option", "-o= would write a file whose name begins with =", _write(path, right))


def refuse_options_before(path: str, given: Sequence[str], own: Sequence[str], commands: Sequence[str]) -> None:
    """Refuses options that stand before the command whose they are."""
    option = given[0].split("=")[0] if given and given[0].startswith("-") else ""
    place = next((index for index, word in enumerate(given) if word in commands), 0)
    if option and option not in own and place:
        right = [given[place], *given[:place], *given[place + 1 :]]
        raise _refused("command-option", f"{option[:60]} stands before the command", _write(path, right))


def refuse_specs_as_arguments(path: str, given: Sequence[str], option: str) -> None:
    """Refuses a spec that stands without an option, as with other commands, where it needs one."""
    place = next((index for index, word in enumerate(given) if _is_spec(word, given[:index], option)), None)
    if place is not None:
        right = [*given[:place], *given[place + 1 :], option, given[place]]
        raise _refused("command-option", f"{path} takes the spec with {option}", _write(path, right))


def _is_spec(word: str, before: Sequence[str], option: str) -> bool:
    return word.endswith((".yaml", ".yml")) and not word.startswith("-") and before[-1:] != [option]


def refuse_formats_as_files(path: str, given: Sequence[str], file: object, forms: Sequence[str]) -> None:
    """Refuses `-o json`, as kubectl writes it: it would write a file of that name."""
    name = str(file or "")
    if name.split("=")[0].lower() not in _FORMATS or Path(name).exists():
        return
    words = list(given)
    at = next((i for i, word in enumerate(words) if re.match(r"-o|--out(put)?(=|$)", word)), len(words))
    to = 2 if words[at : at + 1] and words[at] in _OUT else 1
    shown = (
        _write(path, [*words[:at], "--format", name.lower(), *words[at + to :]]) + "\n" if name.lower() in forms else ""
    )
    file_named = _line(path, [*words[:at], "--out", f"./{name}", *words[at + to :]])
    hint = f"{shown}To write a file of that name: `{file_named}`."
    raise _refused("command-output", f"--out (-o) names a file, and {name[:60]} is a format", hint)


def _write(path: str, words: Sequence[str]) -> str:
    return f"Write `{_line(path, words)}`."


def _line(path: str, words: Sequence[str]) -> str:
    """The command line as it is to be typed; a `--sandbox` without a value stands alone, as it was given."""
    return f"{path} {shlex.join('--sandbox' if word == '--sandbox=default' else word for word in words)}"


def _refused(code: str, summary: str, hint: str) -> RefusedError:
    return RefusedError(Diagnostic(code=code, summary=summary, hint=hint))
