"""What a metadata payload says, for inspect; it never decides what may leave."""
