"""Where scenes come from: readers of annotation files, synthetic worlds, augmentation and loading."""
