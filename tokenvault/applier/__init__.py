"""Plan → tenant: the only code that writes. It does what the plan says, in dependency order, and tells what happened."""
