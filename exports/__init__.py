"""A Table or a Document in, bytes out: formats, charts and disclosure control, without Django."""
