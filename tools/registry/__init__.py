"""The registry of chains and assets, built from public repositories and from facts written by hand."""
