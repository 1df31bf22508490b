// Finds what another process's memory holds of a secret, in whatever form, and where. For Linux's /proc alone.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const kPiece = 4 * 1024 * 1024;
// The longest text that secretTexts() finds.
const kLongestText = 16 * 1024;

/** The forms in which `secret`, a Buffer of 24 bytes or more, may be in memory: raw, and in both base64s, at each of the three offsets. */
export function formsOf(name, secret) {
  const forms = new Map([[secret.toString('latin1'), `${name}, raw`]]);
  for (const encoding of ['base64', 'base64url']) {
    for (const shift of [0, 1, 2]) {
      const text = Buffer.concat([Buffer.alloc(shift), secret]).toString(encoding);
      // Only the letters that depend on these bytes alone.
      const letters = text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + secret.length) * 8) / 6));
      if (!forms.has(letters)) forms.set(letters, `${name}, ${encoding} from letter ${shift}`);
    }
  }
  return [...forms].map(([bytes, form]) => ({ form, bytes: Buffer.from(bytes, 'latin1') }));
}

/** A text that must not be in memory as it is. */
export const formOf = (form, text) => ({ form, bytes: Buffer.from(text, 'latin1') });

// The memory that the process may write to and has written to. `locked`: the memory that src/crypto/secret_arena.hpp makes, left out of
// dumps and of forked children.
function regionsOf(pid) {
  const regions = [];
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (....) \S+ \S+ \d+ *(.*)$/.exec(line);
    if (head) {
      regions.push({ begin: parseInt(head[1], 16), end: parseInt(head[2], 16), writable: head[3].startsWith('rw'), name: head[4] || 'anonymous' });
      continue;
    }
    const [name, ...values] = line.split(/\s+/);
    if (name === 'Rss:' || name === 'Swap:') regions.at(-1).used ||= values[0] !== '0';
    if (name === 'VmFlags:') regions.at(-1).locked = values.includes('dd') && values.includes('wf');
  }
  return regions.filter((region) => region.writable && region.used);
}

// Yields every region in pieces, each with `overlap` bytes of the next.
function* piecesOfAll(pid, overlap) {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    const buffer = Buffer.alloc(kPiece + overlap);
    for (const region of regionsOf(pid)) {
      for (let at = region.begin; at < region.end; at += kPiece) {
        let length;
        try {
          length = readSync(memory, buffer, 0, Math.min(buffer.length, region.end - at), at);
        } catch (error) {
          // The process gave the memory back meanwhile.
          if (['EIO', 'EFAULT'].includes(error.code)) continue;
          throw error;
        }
        yield { region, at, piece: buffer.subarray(0, length) };
      }
    }
  } finally {
    closeSync(memory);
  }
}

function searchHere(pid, forms) {
  const overlap = Math.max(...forms.map(({ bytes }) => bytes.length)) - 1;
  const found = [];
  for (const { region, at, piece } of piecesOfAll(pid, overlap)) {
    for (const { form, bytes } of forms) {
      for (let i = piece.indexOf(bytes); i >= 0 && i < kPiece; i = piece.indexOf(bytes, i + 1)) {
        found.push({ form, address: (at + i).toString(16), region: region.name, locked: region.locked });
      }
    }
  }
  return found;
}

function textsHere(pid, pattern) {
  const texts = new Set();
  for (const { region, piece } of piecesOfAll(pid, kLongestText)) {
    if (!region.locked) continue;
    for (const [text] of piece.toString('latin1').matchAll(new RegExp(pattern, 'g'))) texts.add(text);
  }
  return [...texts];
}

const kThis = fileURLToPath(import.meta.url);

// `what` is { forms } or { pattern }. Asks sudo where this is not root.
function ask(pid, what) {
  if (process.getuid() === 0) return what.forms ? searchHere(pid, what.forms) : textsHere(pid, what.pattern);
  const forms = what.forms?.map(({ form, bytes }) => ({ form, bytes: bytes.toString('latin1') }));
  const input = JSON.stringify({ ...what, forms });
  const done = spawnSync('sudo', ['-n', process.execPath, kThis, String(pid)], { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (done.status !== 0) throw new Error(done.stderr?.trim() || String(done.error));
  return JSON.parse(done.stdout);
}

/** Where any of `forms` is in the memory of process `pid`: a list of { form, address, region, locked }. */
export const search = (pid, forms) => ask(pid, { forms });

/** The texts that fit `pattern`, a regular expression as text, in the memory where process `pid` keeps secrets. */
export const secretTexts = (pid, pattern) => ask(pid, { pattern });

/** Why the memory of process `pid` cannot be read; undefined where it can. */
export function whyNot(pid) {
  try {
    search(pid, [formOf('nothing', '\0nothing\0')]);
    return undefined;
  } catch (error) {
    return `/proc/${pid}/mem cannot be read (${error.message}): root may, with CAP_SYS_PTRACE`;
  }
}

if (process.argv[1] === kThis) {
  const { forms, pattern } = JSON.parse(readFileSync(0, 'utf8'));
  const pid = Number(process.argv[2]);
  const found = forms ? searchHere(pid, forms.map(({ form, bytes }) => formOf(form, bytes))) : textsHere(pid, pattern);
  process.stdout.write(JSON.stringify(found));
}
