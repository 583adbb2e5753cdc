"""What people do in this room. Each act checks the right, runs in one transaction, logs ids and is audited."""
