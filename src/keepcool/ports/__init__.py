"""The few Protocols the inside needs from outside."""
