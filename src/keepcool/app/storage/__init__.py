"""Where the books lie: a file, or a PostgreSQL server."""
