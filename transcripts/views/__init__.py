"""The pages of the room: the list and the cleared text, taking in, the review, and what comes after
clearance."""

from transcripts.views.after import destroy_original, erase, redact, redact_confirm, reopen
from transcripts.views.intake import assign, confirm, drop, import_file, read_again, turn, turns
from transcripts.views.reading import documents, read
from transcripts.views.review import add, clear, decide, find, review, speaker

__all__ = [
    "add",
    "assign",
    "clear",
    "confirm",
    "decide",
    "destroy_original",
    "documents",
    "drop",
    "erase",
    "find",
    "import_file",
    "read",
    "read_again",
    "redact",
    "redact_confirm",
    "reopen",
    "review",
    "speaker",
    "turn",
    "turns",
]
