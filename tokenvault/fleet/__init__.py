"""Many tenants at once: a file lists them, and one command plans, applies or judges all, side by side in one process."""
