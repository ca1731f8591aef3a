"""The desk of the command line's tests serves here too."""

from tests.cli.conftest import bare_desk, desk, made_desk

__all__ = ["bare_desk", "desk", "made_desk"]
