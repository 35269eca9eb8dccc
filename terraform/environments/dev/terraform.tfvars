# Sizes of this environment. Name, region, archives and subscribers are given on the command line, or in a file of
# the account's own.

memory_mb           = 1769
timeout_seconds     = 60
batching            = { size = 10, window_seconds = 1 }
maximum_concurrency = 5
backfill            = { maximum_concurrency = 2 }

retention = {
  queue_days      = 2
  dlq_days        = 7
  log_days        = 7
  noncurrent_days = 7
}

deletion_protection = false # a development stack may be thrown away
