"""The cold key: made and used offline. Opens no socket."""
