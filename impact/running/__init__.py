"""Carries out a plan: tables of events in, a results bundle out."""

from impact.running.carrying_out import run

__all__ = ["run"]
