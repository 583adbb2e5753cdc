"""Readers of survey exports: one module per form, one result (`sheet.Sheet`)."""
