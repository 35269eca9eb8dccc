-- Failures of the last 30 days by day and reason, each counted once however often it was announced, and an example.
SELECT
  substr(time, 1, 10) AS failed_on,
  data.reason AS reason,
  count(DISTINCT id) AS failures,
  count(DISTINCT ROW(data.bucket, data.key)) AS images,
  max_by(data.key, time) AS example
FROM ${table}
WHERE day >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  AND data.status = 'FAILED'
GROUP BY 1, 2
ORDER BY 1 DESC, 3 DESC
