"""What brings a lost or older database back: both signers' registries, their journals, and the chain."""
