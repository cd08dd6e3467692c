"""Keeper: a hot key per wallet, and the purse that pays fees. Decides by itself."""
