"""What a person asks, in words, times and filters, and what a store is asked for it."""
