"""Forms of addresses: each reads the texts of one family of chains into an Address, with the family's parameters."""
