"""The doctor: every run-time precondition of every application × connection × flavor, judged from the live tenant alone.

cases.py      a spec, or the tenant itself → the cases to judge
selection.py  those of them that were asked for
diagnosis.py  cases → verdicts, and what can be done about each
document.py   a diagnosis → public JSON, with one entry for each cause; `render/` draws from that
"""
