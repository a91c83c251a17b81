"""What several families need."""

CLASSES = 10
