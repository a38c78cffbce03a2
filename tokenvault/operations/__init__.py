"""What people do: each operation once, for the command line and for Python."""
