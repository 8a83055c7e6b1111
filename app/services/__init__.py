"""What one may do: one module per deed, one transaction per deed."""
