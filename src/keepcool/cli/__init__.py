"""keepcool <noun> <verb>: parse, call, print. No logic; the chosen command is imported when chosen."""
