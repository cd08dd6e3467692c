"""HTTP to receivers of webhooks, which strangers name."""
