"""Faults to survive, each made on servers of the tests' own (`stage.py`), which keep their data.

fault                                              test
kill -9 of a worker with 20 jobs, its main process test_processes
kill -9 of its pool child                          test_processes; to the limit: jobs/test_broker_messages
kill -9 of the recorder mid-batch                  test_processes; with dead letters: recorder/test_keeping
web process between commit and publish             test_processes; the relay alone: recorder/test_relaying
RabbitMQ stopped 30 s, frozen, under a disk alarm  test_rabbitmq
its connections closed every second                test_rabbitmq
Redis stopped and started                          test_databases
PostgreSQL restarted or killed under the recorder  test_databases; connections only: recorder/test_keeping
every message twice                                test_messages; 20 plain ones: jobs/test_broker_messages
a worker frozen beyond its heartbeat, continued    recorder/test_worker_loss
clock of a message in the past or the future       test_messages
garbage, 10 MB, unknown task, wrong arguments      test_messages; each: jobs/test_broker_messages
all of them at random                              tests/chaos
"""
