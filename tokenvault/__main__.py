"""`python -m tokenvault`."""

from tokenvault.cli import main

if __name__ == "__main__":
    main()
