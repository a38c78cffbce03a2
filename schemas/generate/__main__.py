"""Prints the reference: `python -m schemas.generate > schemas/REFERENCE.md`."""

from __future__ import annotations

import sys

import typer

from schemas.generate import reference
from tokenvault.cli.app import command_line

sys.stdout.write(reference(typer.main.get_command(command_line())))
