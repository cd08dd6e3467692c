"""Bitcoin Core's own script code, in this process."""
