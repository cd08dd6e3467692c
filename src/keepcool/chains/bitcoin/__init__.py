"""Bitcoin and its forks: scripts, addresses, descriptors and transactions, from public keys alone."""
