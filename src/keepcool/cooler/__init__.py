"""Cooler: the cool key. Decides by itself."""
