"""Consent's pages, by part."""
