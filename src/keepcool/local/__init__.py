"""A whole installation on one machine: init, up, doctor, demo."""
