"""A changed configuration taken up by a running App: networks and assets come and go without a restart."""
