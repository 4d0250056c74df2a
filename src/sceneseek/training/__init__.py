"""Training: a weighted task, a loop that can be killed at any moment, and recipes that say everything in one file."""
