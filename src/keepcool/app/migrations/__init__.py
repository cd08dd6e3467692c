"""How App's database becomes the one this program knows. README.md beside this file: how to add a step."""
