-- Seconds from the upload of an image until it was ready, by day: half of the images, 95 and 99 of a hundred, and the
-- slowest. Backfills are left out, whose images were there long before.
WITH once AS (
  SELECT DISTINCT
    id,
    substr(time, 1, 10) AS ready_on,
    date_diff('millisecond', from_iso8601_timestamp(data.created_at), from_iso8601_timestamp(time)) / 1000.0 AS seconds
  FROM ${table}
  WHERE day >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
    AND data.status = 'READY'
    AND NOT data.backfill
)
SELECT
  ready_on,
  count(*) AS images,
  round(approx_percentile(seconds, 0.50), 1) AS half,
  round(approx_percentile(seconds, 0.95), 1) AS "95 %",
  round(approx_percentile(seconds, 0.99), 1) AS "99 %",
  round(max(seconds), 1) AS slowest
FROM once
GROUP BY 1
ORDER BY 1 DESC
