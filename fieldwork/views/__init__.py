"""Fieldwork's pages, by part."""
