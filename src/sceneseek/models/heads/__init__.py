"""What runs per region: detection and re-identification."""
