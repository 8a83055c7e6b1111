"""The surface that speaks TAXII 2.1: collections of what the caller may read, to OpenCTI, Sentinel and their like."""
