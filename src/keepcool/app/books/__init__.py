"""Users, wallets and the double-entry ledger."""
