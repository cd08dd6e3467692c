"""Signed, expiring, versioned messages, sealed to their recipient. The bus that carries them is not trusted."""
