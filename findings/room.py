"""What the top room answers to the port: nothing of its own yet; it brings the demo studies."""

from ipe.rooms import Room

ROOM = Room(name="findings", label="Findings", order=70)
