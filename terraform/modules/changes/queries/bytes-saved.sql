-- What viewers save who get a thumbnail instead of the original, by rendition: of the newest state of each image that was
-- announced in the last 30 days. Leave the line with `day` out to read the whole archive.
WITH newest AS (
  SELECT max_by(data, sequence) AS data
  FROM ${table}
  WHERE day >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  GROUP BY data.bucket, data.key
)
SELECT
  rendition.name AS rendition,
  count(*) AS images,
  sum(newest.data.size) AS original_bytes,
  sum(rendition.bytes) AS thumbnail_bytes,
  sum(newest.data.size) - sum(rendition.bytes) AS saved_bytes,
  round(100.0 * (1 - CAST(sum(rendition.bytes) AS double) / sum(newest.data.size)), 1) AS saved_percent
FROM newest
-- These two fields alone: a field that is added to renditions some day must not become a column here.
CROSS JOIN UNNEST(transform(newest.data.renditions, each -> ROW(each.name, each.bytes))) AS rendition (name, bytes)
WHERE newest.data.status = 'READY'
GROUP BY 1
ORDER BY 1
