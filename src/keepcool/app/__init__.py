"""App: users, ledger, business logic, and no key."""
