"""A typed client of App's API that believes no address the two signers did not attest."""
