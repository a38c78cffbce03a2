"""`tokenvault init`: questions, or flags, become answers, and answers become a spec. Nothing here changes a tenant.

flags.py       what the command line says → Answers, and what is wrong with it
questions.py   the questions that are still open; settings.py: those of a flavor, read off its schema
offers.py      what the tenant has to choose from
prompts.py     how a question is asked in a terminal
spec_text.py   Answers → the text of the spec
draft.py       the files to write, proven valid; files.py writes them, all or none
"""


class Cancelled(Exception):
    """The person has had enough: nothing is written."""
