"""HTTPS as much of it as a keystore needs: a few connections that are kept open."""
