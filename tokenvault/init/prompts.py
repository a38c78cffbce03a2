"""Asks a question in a terminal, on stderr. An answer is checked before it is taken; Esc or Ctrl-C raises Cancelled."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokenvault.text import safe

if TYPE_CHECKING:  # questionary is slow to load: a wizard to whom everything was said by options asks nothing
    import questionary
    from prompt_toolkit.application import Application
    from prompt_toolkit.key_binding import KeyPressEvent


class Cancelled(Exception):
    """The person has had enough: nothing is written."""


MANY = 8
"""From so many choices on, a list can be searched."""

Check = Callable[[Any], str]
"""What is wrong with an answer, in one line; nothing when it is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One choice of a list. `unavailable` says why it cannot be chosen; `name` is what stands for it once it is chosen."""

    value: Any
    title: str
    name: str = ""
    unavailable: str = ""
    checked: bool = False


def text(message: str, *, default: str = "", check: Check = lambda answer: "") -> str:
    """A line of text, trimmed."""
    import questionary

    question = questionary.text(
        _sentence(message), default=default, validate=lambda answer: _verdict(check(answer.strip())), output=_terminal()
    )
    return str(_ask(question)).strip()


def select(message: str, options: Sequence[Option]) -> Any:
    """The value of the one option that is chosen; all of them are available."""
    import questionary

    searched = len(options) >= MANY
    instruction = "(arrow keys, type to search)" if searched else "(arrow keys)"
    question = questionary.select(
        _sentence(message, instruction),
        [_choice(option) for option in options],
        instruction=instruction,
        use_search_filter=searched,
        use_jk_keys=False,
        output=_terminal(),
        erase_when_done=True,
    )
    chosen = _ask(question)
    _tell(message, options, [chosen])
    return chosen


def checkbox(message: str, options: Sequence[Option], *, check: Check = lambda answer: "") -> list[Any]:
    """The values of the options that are chosen."""
    import questionary

    searched = len(options) >= MANY
    instruction = "(space chooses, type to search)" if searched else "(space chooses)"
    question = questionary.checkbox(
        _sentence(message, instruction),
        [_choice(option) for option in options],
        instruction=instruction,
        validate=lambda answer: _verdict(check(answer)),
        use_search_filter=searched,
        use_jk_keys=False,
        output=_terminal(),
        erase_when_done=True,
    )
    chosen = list(_ask(_mended(question)))
    _tell(message, options, chosen)
    return chosen


_MARK, _POINTER = "? ", " » ○ "
_MOST = 6


def _columns() -> int:
    return max(20, shutil.get_terminal_size().columns)


def _sentence(message: str, instruction: str = "") -> str:
    """The question in lines that fit, with the instruction on one of its own where it would not fit behind."""
    lines = textwrap.wrap(safe(message), _columns() - len(_MARK), break_long_words=False, break_on_hyphens=False)
    fits = not instruction or len(lines[-1]) + len(instruction) + len(_MARK) + 2 <= _columns()
    return "\n".join(lines if fits else [*lines, ""])


def _tell(message: str, options: Sequence[Option], values: Sequence[Any]) -> None:
    """Leaves the question with the names of what was chosen in place of the list."""
    names = [safe(option.name or option.title) for option in options if option.value in values]
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    line = f"{_MARK}{safe(message)} {', '.join(names[:_MOST]) or 'none'}{more}"
    sys.stderr.write(textwrap.fill(line, _columns() - 1, break_long_words=False, break_on_hyphens=False) + "\n")


def _choice(option: Option) -> questionary.Choice:
    import questionary

    disabled = safe(option.unavailable) if option.unavailable else None
    title = _cut(safe(option.title), _columns() - len(_POINTER) - 1) + (
        "\n      " if disabled else ""
    )  # the reason stands below: both fit into 80 columns
    return questionary.Choice(title, value=option.value, disabled=disabled, checked=option.checked)


def _cut(text: str, room: int) -> str:
    """The text in so many columns, its end left out between words, if it has to be."""
    if len(text) <= room:
        return text
    kept = text[: room - 1]
    return f"{kept[: kept.rindex(' ')] if ' ' in kept[room // 2 :] else kept}…"


def _verdict(problem: str) -> bool | str:
    return safe(problem) if problem else True


def _terminal() -> Any:
    from prompt_toolkit.output import create_output

    return create_output(stdout=sys.stderr)


def _ask(question: questionary.Question) -> Any:
    from prompt_toolkit.keys import Keys

    _bind(question.application, {Keys.Escape: _cancel})
    try:
        return question.unsafe_ask()
    except (KeyboardInterrupt, EOFError):
        raise Cancelled from None


def _cancel(event: KeyPressEvent) -> None:
    event.app.exit(exception=KeyboardInterrupt)


def _bind(application: Application[Any], handlers: dict[Any, Callable[[KeyPressEvent], None]]) -> None:
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings

    keys = KeyBindings()
    for key, handler in handlers.items():
        keys.add(key, eager=True)(handler)
    bound = [application.key_bindings] if application.key_bindings else []
    application.key_bindings = merge_key_bindings([*bound, keys])


def _mended(question: questionary.Question) -> questionary.Question:
    """questionary's lists let a search end on what cannot be chosen, choose it, and then move for ever."""
    from prompt_toolkit.keys import Keys
    from questionary.prompts.common import InquirerControl

    controls = question.application.layout.find_all_controls()
    shown = next(control for control in controls if isinstance(control, InquirerControl))

    def move(step: int) -> None:
        choices = shown.filtered_choices
        ahead = [(shown.pointed_at + step * distance) % len(choices) for distance in range(1, len(choices) + 1)]
        shown.pointed_at = next((place for place in ahead if not choices[place].disabled), shown.pointed_at)

    def toggle(event: KeyPressEvent) -> None:
        pointed, chosen = shown.get_pointed_at(), shown.selected_options
        if pointed.value in chosen:
            chosen.remove(pointed.value)
        elif not pointed.disabled:
            chosen.append(pointed.value)
        shown.error_message = None

    _bind(question.application, {Keys.Down: lambda event: move(1), Keys.Up: lambda event: move(-1), " ": toggle})
    return question
