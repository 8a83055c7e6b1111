"""What is true: records, signatures, logs, audiences, addresses and reputation, without I/O and without a clock."""
