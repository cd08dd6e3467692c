"""App as a process."""
