"""What comes in: blocks followed, matched, credited once, reversed when orphaned."""
