"""The networks, family by family, and what of them is written here."""
