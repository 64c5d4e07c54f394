"""Inputs that hear from others: what has come cannot be asked for again, and is kept until it is acknowledged."""
