"""A service's identity keys, kept as files of its own folder. They are not coin keys."""
