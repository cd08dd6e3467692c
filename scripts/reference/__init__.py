"""docs/reference, drawn from the code: `make reference` writes the pages, a test keeps them fresh."""
