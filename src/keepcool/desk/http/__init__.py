"""The desk over HTTP: pages for people, JSON for their programs."""
