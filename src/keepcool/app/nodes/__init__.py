"""The chains' nodes that this App speaks to."""
