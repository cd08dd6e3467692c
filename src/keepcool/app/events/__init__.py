"""What changed, told to whoever must know: a log, a stream, webhooks."""
