"""PostgreSQL: App's books on a server, and who of several Apps leads."""
