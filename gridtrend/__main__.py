"""`python -m gridtrend` is the command line."""

from gridtrend.cli import main

if __name__ == "__main__":
    main()
