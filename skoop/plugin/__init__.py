"""CNI plugins: one file each, and a line in `table`."""
