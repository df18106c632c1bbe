"""Speed against references; see README.md."""
