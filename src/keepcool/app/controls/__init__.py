"""What operators hold in their hands: suspensions, bounds, limits of API keys, corrections by two people."""
