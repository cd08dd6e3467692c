"""OpenBao (and Vault, which speaks the same API): the transit engine behind the port Keystore."""
