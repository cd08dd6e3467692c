"""How any key holder decides: decode, judge, remember, sign. Knows ports, never adapters."""
