"""Makes `python -m billing` the same as `pamela-billing`."""

from billing.cli import main

if __name__ == "__main__":
    main()
