"""The desk: where people read what waits, and sign or refuse it. A keyless process with its own host."""
