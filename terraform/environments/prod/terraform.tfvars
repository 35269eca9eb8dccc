# Sizes of this environment. Name, region, archives and subscribers are given on the command line, or in a file of
# the account's own.

memory_mb           = 1769
timeout_seconds     = 60
batching            = { size = 10, window_seconds = 1 }
maximum_concurrency = 50
backfill            = { maximum_concurrency = 10 }

retention = {
  queue_days      = 4
  dlq_days        = 14
  log_days        = 90
  noncurrent_days = 30
}

deletion_protection = true
