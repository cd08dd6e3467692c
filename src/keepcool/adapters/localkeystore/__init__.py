"""A keystore in a file of the service's own host, opened with a passphrase: where OpenBao is too much."""
