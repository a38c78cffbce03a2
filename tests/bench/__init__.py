"""How many requests, how much waiting, how much of the machine: `python -m tests.bench` measures and judges."""
