"""keepcool: self-hosted custody in which no single stolen server can spend."""

__version__ = "0.1.0"
