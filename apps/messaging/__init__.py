"""Messages beside jobs: events to whoever subscribes, broadcasts to every process, queues as they are.

Owns: Subscription; the way of events from their rows to the exchange, and from its queues to jobs.
Offers: `subscribing.subscribe`, `subscribing.Fact`, `broadcasting.send` and `on`; `manage.py queue` and
    `broadcast`; three standing duties of the recorder: events, subscriptions, broadcasts.
Listens to: the subscriptions' queues, the exchange `broadcast`; each app's `subscribers.py` is loaded here.
Reads: EVENT_EXCHANGE, BROADCAST_EXCHANGE, SUBSCRIPTION_PREFIX, PUBLISHER_EXCHANGES, QUEUE_*.
"""
