"""App's HTTP API: thin routes over the books, the issuer and the payouts. No route decides about money."""
