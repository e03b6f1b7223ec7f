"""Private servers that Switchyard starts by itself, for `manage.py up` and for the tests.

Owns the folders of embedded servers, var/embedded.json and var/secrets.json. Offers Postgres,
Valkey and RabbitMQ (contract: server.py), free_port, Running and secret. Listens to nothing.
Reads no settings and imports no Django, so that the configuration can use it.
"""
