"""What only RabbitMQ has: its management API, policies, and the moving of a live queue.

`manage.py topology` uses it; nothing that runs jobs does. Which broker it is, and what its queues
and messages look like, is asked in `project/broker.py` alone.
"""
