"""The desk of the command line's tests serves here too."""

from tests.cli.conftest import bare_desk, desk, first_scene

__all__ = ["bare_desk", "desk", "first_scene"]
