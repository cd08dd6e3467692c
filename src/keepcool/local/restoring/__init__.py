"""Wallets brought back on an empty machine: from descriptors, two papers and a node, without any service."""
