"""The machine a service runs on: its clock, its entropy, its death, its log and its numbers."""
