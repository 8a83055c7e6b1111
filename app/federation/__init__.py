"""What nodes say to each other over HTTP: logs served to peers, and peers asked for theirs."""
