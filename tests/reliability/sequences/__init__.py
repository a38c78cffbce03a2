"""Edit sequences: one tenant, one user of tokenvault, other people, and everything that they do one after another.

A case is plain JSON (a past, and steps); `machine` carries it out in this process on a tenant in memory and tells which
invariant does not hold. `cases` draws cases with Hypothesis, `shrink` makes a failing one small, `found` keeps those.
"""
