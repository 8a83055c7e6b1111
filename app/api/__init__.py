"""The HTTP API for partners, `/v1`: thin routes over the deeds, in the shapes that scripts rely on."""
