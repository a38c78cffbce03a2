"""How applications use what was applied: today's correct exchange request per flavor, ready to run, and what comes before it.

example.py    a spec and the tenant's ids → one example per application and exchanging flavor, and the connect flow
curl.py  python.py  node.py    an example → a program
document.py   examples → public JSON; `render/usage_text.py` draws from that
"""
