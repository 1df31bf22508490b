/** Calls `work` on each item, so many at a time; resolves with all results, in order. */
export async function pooled(items, atATime, work) {
  const results = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at], at);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, worker));
  return results;
}

/** One request of a benchmark's set-up, which must succeed; JSON where `body` is not bytes. */
export async function call(url, key, body) {
  const raw = Buffer.isBuffer(body);
  const headers = { 'x-api-key': key, ...(body === undefined ? {} : { 'content-type': raw ? 'application/octet-stream' : 'application/json' }) };
  const response = await fetch(url, { method: body === undefined ? 'GET' : 'POST', headers, body: raw || body === undefined ? body : JSON.stringify(body) });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${url}: ${response.status} ${bytes}`);
  return raw ? bytes : JSON.parse(bytes);
}
