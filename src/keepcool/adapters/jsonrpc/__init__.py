"""JSON-RPC as nodes speak it, whatever their chain: beneath the adapters of nodes, knowing none."""
