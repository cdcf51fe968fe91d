"""What the policies declare against what the nodes enforce: `declared` is what they say, `causes`
where that meets a packet. Nothing is imported here, since `skoop.diagnose.cluster` needs the one
and the other needs that."""
