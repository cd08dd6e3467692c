"""SQLite: write-ahead log, synchronous FULL, one writer."""
