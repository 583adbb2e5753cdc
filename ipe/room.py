"""What the shell answers to its own port: the pages of the study that belong to no other room."""

from ipe.rooms import NavPage, Room

ROOM = Room(
    name="ipe",
    label="Study",
    order=0,
    pages=(
        NavPage("Overview", "overview", ("design.read",), 0, key="o", icon="squares-2x2"),
        NavPage("Settings", "settings", ("design.read",), 120, key="e", icon="cog-6-tooth"),
    ),
)
