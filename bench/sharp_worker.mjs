// One line of JSON in, one out: {"path", "boxes", "quality"} -> {"cpu": milliseconds, "bytes": [...], "out": [...]}.
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import sharp from 'sharp';

sharp.cache(false);
sharp.concurrency(1);

for await (const line of createInterface({ input: process.stdin })) {
  const { path, boxes, format, quality, keep } = JSON.parse(line);
  const source = readFileSync(path);
  const before = process.cpuUsage();
  const made = [];
  const image = sharp(source, { sequentialRead: true }).autoOrient();
  if (boxes.length === 1) {
    made.push(await image.resize(boxes[0], boxes[0], { fit: 'inside', withoutEnlargement: true })[format]({ quality }).toBuffer());
  } else {
    // The fastest that its documentation offers: decode once for the largest box, make all others from that.
    const { data, info } = await image.resize(boxes[0], boxes[0], { fit: 'inside', withoutEnlargement: true })
      .raw().toBuffer({ resolveWithObject: true });
    const raw = { raw: { width: info.width, height: info.height, channels: info.channels } };
    for (const box of boxes) {
      made.push(await sharp(data, raw).resize(box, box, { fit: 'inside', withoutEnlargement: true })[format]({ quality }).toBuffer());
    }
  }
  const { user, system } = process.cpuUsage(before);
  if (keep) made.forEach((each, index) => writeFileSync(`${keep}-${index}`, each));
  process.stdout.write(JSON.stringify({ cpu: (user + system) / 1000, bytes: made.map((each) => each.length), rss: process.resourceUsage().maxRSS * 1024 }) + '\n');
}
