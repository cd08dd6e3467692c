"""Several Apps on one database: all serve, one works."""
