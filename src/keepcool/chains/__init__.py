"""Chain families as pure codecs, independent of each other."""
