"""Impact estimation for stepped-wedge trials and difference-in-differences studies. Knows neither Django nor a database.

Every function takes arrays or frames and returns a frozen dataclass. Nothing is imported here, so that `import impact` is
quick; import the family that is wanted, such as `from impact import clusters`.
"""
