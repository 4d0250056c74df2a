"""``python -m sceneseek`` is the same as ``sceneseek``."""

from sceneseek.cli import main

if __name__ == "__main__":
    main()
