"""What a signer may sign: one rule per file, each a pure function of a Case."""
