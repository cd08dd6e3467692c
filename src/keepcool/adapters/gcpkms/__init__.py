"""Google Cloud KMS behind the port Keystore. Unverified against the real service."""
