"""python -m keepcool.devnet: the same as `keepcool devnet minter`."""

import sys

from keepcool.devnet.arguments import main

if __name__ == "__main__":
    sys.exit(main())
