"""What any Linux node with pods needs, whatever CNI set it up: one module per part of the state."""
