"""The command line. `docs/impact/commands.md` shows every command with its output."""

from impact.commands.line import main

__all__ = ["main"]
