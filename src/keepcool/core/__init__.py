"""The words of the field as frozen values and pure state machines. Standard library only."""
