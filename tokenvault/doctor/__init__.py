"""The doctor: every run-time precondition of every application × connection × flavor, judged from the live tenant alone.

tenancy.py    what was read → a `Tenancy`: unknown where the token may not read
cases.py      a spec, or the tenant itself → the cases to judge
diagnosis.py  cases → verdicts, and what can be done about each
document.py   a diagnosis → public JSON; `render/doctor_*.py` draw from that
"""
