"""Keys that come with requests to Keeper: kept by App, or brought by users, where the profile says so."""
