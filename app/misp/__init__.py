"""The surface that MISP servers pull: a feed folder for each organization, by its key."""
