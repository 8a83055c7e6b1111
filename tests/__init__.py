"""Tests of the project; a package by name, because packages that are installed have a `tests` of their own."""
