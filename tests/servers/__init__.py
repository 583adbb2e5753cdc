"""PostgreSQL, Redis and RabbitMQ of a folder's own, for tests: `make services`, and `.ci/run` where none answers.

Needs the standard library alone, so that it runs before anything is installed. `python -m tests.servers start` prints the
addresses as lines of an environment; `stop` ends what `start` began. In a test, `running.Servers(folder)` does the same.
"""
