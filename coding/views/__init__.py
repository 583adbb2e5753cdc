"""Pages of the room, one module per place where people work."""
