"""What is kept: the only SQL in the house, on SQLite and PostgreSQL."""
