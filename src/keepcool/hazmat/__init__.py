"""THE ONLY PLACE COIN-KEY BYTES EXIST. Signs what a judge approved, and nothing else."""
