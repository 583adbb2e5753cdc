"""The protocol file: a study's design as one YAML document, read, checked, imported and written."""
