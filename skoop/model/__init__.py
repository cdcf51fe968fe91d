"""The vocabulary every room shares: addresses, packets, steps, and the diagnosis itself."""
