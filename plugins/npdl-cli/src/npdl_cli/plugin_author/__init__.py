"""What the author of a plugin needs: a package to start from, and a check before it is published."""
