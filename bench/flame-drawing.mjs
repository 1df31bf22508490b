// A flame graph of what `perf script -F ip,sym,dso` printed. A frame is its group and its name: "kernel tcp_sendmsg".
const kDepth = 30;
const kWidth = 1200;
const kRow = 16;
const kTop = 48;
const kLetter = 6.7;
const kLeast = 0.005;

export const kGroups = {
  kernel: 'kernel', ours: 'our code', asio: 'Asio and Beast', malloc: 'malloc and free', crypto: 'OpenSSL and intel-ipsec-mb', other: 'other (libc, the C++ library, SQLite)',
};
// What the pictures tell apart: libraries have one hue.
const kHues = { kernel: 'kernel', ours: 'ours', asio: 'asio', malloc: 'library', crypto: 'library', other: 'library' };
const kAllocates = /^(operator (new|delete)|(__libc_)?(malloc|free|cfree|calloc|realloc|memalign|posix_memalign|aligned_alloc|malloc_usable_size)$|__malloc_usable_size|_int_(malloc|free)|malloc_consolidate|unlink_chunk|sysmalloc|systrim|tcache_)/;
// What Asio runs a coroutine by: many frames that say one thing.
const kPump = /^boost::asio::(detail::(awaitable_|coro|co_spawn|redirect_|spawn|executor_|binder|work_dispatcher|handler_work|initiat)|async_result|awaitable)/;
const kBeforeMain = /^(_start|__libc_start_main|__libc_start_call_main)\b/;

const kOperator = /^operator(\(\)|<=>|<<=?|>>=?|<=?|>=?|->\*?)/;

/** A C++ name without return type, template arguments and parameters. */
export function shortName(name) {
  const plain = name.replaceAll('(anonymous namespace)::', '').replace(/ ?\[(clone [^\]]*|abi:[^\]]*)\]/g, '');
  let [depth, short] = [0, ''];
  for (let at = 0; at < plain.length; ++at) {
    const symbol = kOperator.exec(plain.slice(at, at + 12))?.[0];
    if (symbol !== undefined) {
      if (depth === 0) short += symbol;
      at += symbol.length - 1;
    } else if (plain[at] === '<' || plain[at] === '(') depth += 1;
    else if (plain[at] === '>' || plain[at] === ')') depth = Math.max(0, depth - 1);
    else if (depth === 0) short += plain[at];
  }
  return /(\S*operator )?\S+$/.exec(short.replace(/( const)?&*$/, '').trim())?.[0] ?? name;
}

function groupOf(name, library) {
  if (/^\[kernel|^\[guest\.kernel|\.ko\b|^\[[a-z0-9_]+\]$/.test(library) && library !== '[vdso]') return 'kernel';
  if (/lib(crypto|ssl|IPSec_MB)/.test(library)) return 'crypto';
  if (kAllocates.test(name)) return 'malloc';
  if (name.startsWith('latchkey')) return 'ours';
  if (/^boost::(asio|beast)::/.test(name)) return 'asio';
  return /\/latchkey$/.test(library) && name === 'main' ? 'ours' : 'other';
}

function frameOf(line) {
  const [, symbol, library] = /^\s*[0-9a-f]+ (.*) \(([^()]*)\)$/.exec(line) ?? [];
  // Past the end of what could be unwound.
  if (symbol === undefined || library === '[unknown]') return undefined;
  const name = symbol === '[unknown]' ? library.split('/').pop() : shortName(symbol.replace(/@@?[A-Z][\w.]*$/, '').replace(/^__GI_/, ''));
  return `${groupOf(name, library)} ${name.replaceAll(';', ':')}`;
}

/** How often each stack was there: frames from the outermost to the innermost, joined by ';'. */
export function fold(script) {
  const stacks = new Map();
  for (const sample of script.split(/\n\s*\n/)) {
    const frames = sample.split('\n').map(frameOf).filter(Boolean).reverse();
    const kept = [];
    for (const frame of frames) {
      const name = frame.slice(frame.indexOf(' ') + 1);
      const last = kept.at(-1)?.slice(kept.at(-1).indexOf(' ') + 1) ?? '';
      if (kBeforeMain.test(name) || name === last || (kPump.test(name) && kPump.test(last))) continue;
      kept.push(frame);
    }
    if (kept.length > 0) stacks.set(kept.join(';'), (stacks.get(kept.join(';')) ?? 0) + 1);
  }
  return stacks;
}

const sum = (counts) => counts.reduce((all, count) => all + count, 0);

/** The share of each group, by the innermost frame, and that of all that is the kernel's TCP and IP. */
export function shares(stacks) {
  const all = sum([...stacks.values()]);
  const share = (wanted) => Number((sum([...stacks].filter(([stack]) => wanted(stack)).map(([, count]) => count)) / all).toFixed(4));
  const innermost = (group) => (stack) => stack.slice(stack.lastIndexOf(';') + 1).startsWith(`${group} `);
  return {
    samples: all, tcp: share((stack) => /(^|;)kernel _*(tcp|inet6?|ip)_/.test(stack)),
    groups: Object.fromEntries(Object.keys(kGroups).map((group) => [group, share(innermost(group))])),
  };
}

function treeOf(stacks) {
  const root = { count: 0, inner: new Map() };
  for (const [stack, count] of stacks) {
    root.count += count;
    let at = root;
    for (const frame of stack.split(';').slice(0, kDepth)) {
      if (!at.inner.has(frame)) at.inner.set(frame, { count: 0, inner: new Map() });
      at = at.inner.get(frame);
      at.count += count;
    }
  }
  return root;
}

/** Boxes with what is inside them above them, in the order of their names: two pictures can be laid beside each other. */
function boxesOf(tree, all, x = 0, depth = 0) {
  const boxes = [];
  for (const [frame, { count, inner }] of [...tree.inner].sort(([one], [other]) => (one < other ? -1 : 1))) {
    if (count / all >= kLeast) boxes.push({ frame, x, depth, share: count / all }, ...boxesOf({ inner }, all, x, depth + 1));
    x += count / all;
  }
  return boxes;
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function drawn({ frame, x, depth, share }, height) {
  const space = frame.indexOf(' ');
  const [group, name] = [frame.slice(0, space), frame.slice(space + 1)];
  const [left, y, width] = [x * kWidth, height - (depth + 1) * kRow, share * kWidth];
  const fits = Math.floor((width - 6) / kLetter);
  // The innermost part of a name says most.
  const last = name.length <= fits ? name : name.split('::').pop();
  const short = last.length <= fits ? last : `${last.slice(0, fits - 1)}…`;
  const text = fits >= 4 ? `<text x="${(left + 3).toFixed(1)}" y="${y + 12}">${escaped(short)}</text>` : '';
  return `<g><title>${escaped(name)}: ${(share * 100).toFixed(1)} %</title><rect x="${left.toFixed(1)}" y="${y}" width="${Math.max(width - 0.5, 0.5).toFixed(1)}" height="${kRow - 1}" class="${kHues[group]}"/>${text}</g>`;
}

export function flameDrawing(stacks, title) {
  const tree = treeOf(stacks);
  const boxes = boxesOf(tree, tree.count);
  const height = kTop + (Math.max(0, ...boxes.map(({ depth }) => depth)) + 1) * kRow + 4;
  const legend = [['ours', 'Latchkey'], ['asio', 'Asio and Beast'], ['library', 'libraries'], ['kernel', 'kernel']].map(([hue, text], at) => `  <rect x="${4 + at * 130}" y="28" width="12" height="12" class="${hue}"/><text x="${20 + at * 130}" y="38" class="about">${text}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${kWidth} ${height}" width="${kWidth}" height="${height}" role="img" aria-label="${escaped(title).replaceAll('"', '&quot;')}">
  <style>text { font: 11px monospace; fill: #1f2328 } .about { font: 13px sans-serif; fill: #57606a } .name { font-weight: bold } .ours { fill: #6fcf86 } .asio { fill: #8db9f0 } .library { fill: #f0b56d } .kernel { fill: #c4c9d0 } @media (prefers-color-scheme: dark) { .about { fill: #c9d1d9 } }</style>
  <text x="4" y="18" class="about name">${escaped(title)}</text>
${legend.join('\n')}
${boxes.map((box) => drawn(box, height - 4)).join('\n')}
</svg>
`;
}
