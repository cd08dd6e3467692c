"""The whole story on real parts, told while it happens: what `make demo` runs."""
