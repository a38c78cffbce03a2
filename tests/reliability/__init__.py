"""What breaks on purpose: faults, crashes, rivals, hostile input and secrets, and the figures that come of it."""
