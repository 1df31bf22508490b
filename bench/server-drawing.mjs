// The rows that have a ratio, as bars with a mark where each must be.
const kTop = 64;
const kStep = 44;
const kLeft = 10;
const kWidth = 600;
// Longer bars are cut: what they say is that they are too long.
const kMost = 2.5;

const at = (ratio) => (Math.min(ratio, kMost) / kMost) * kWidth;
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function bar({ what, peer_name: peerName, ratio, bound, better, reached }, row) {
  const y = kTop + row * kStep;
  const wanted = bound === undefined ? '' : `, ${better === 'above' ? 'at least' : 'at most'} ${bound}`;
  const mark = bound === undefined ? '' : `
  <line x1="${(kLeft + at(bound)).toFixed(1)}" x2="${(kLeft + at(bound)).toFixed(1)}" y1="${y + 3}" y2="${y + 23}" class="must"/>`;
  return `  <text x="${kLeft}" y="${y}">${escaped(`${what}, beside ${peerName}: ${ratio.toFixed(2)} ×${wanted}`)}</text>
  <rect x="${kLeft}" y="${y + 6}" width="${at(ratio).toFixed(1)}" height="14" class="${reached === false ? 'missed' : 'ours'}"/>${ratio > kMost ? `
  <text x="${kLeft + kWidth + 4}" y="${y + 18}">…</text>` : ''}${mark}`;
}

export function serverDrawing(rows) {
  const bars = rows.filter(({ ratio }) => ratio !== undefined);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 ${kTop + bars.length * kStep}" role="img" aria-label="Latchkey beside its peers">
  <style>text { font: 14px sans-serif; fill: #57606a } .title { font-weight: bold } .ours { fill: #1a7f37 } .missed { fill: #bc4c00 } .must { stroke: #57606a; stroke-width: 3 } @media (prefers-color-scheme: dark) { text { fill: #c9d1d9 } .must { stroke: #c9d1d9 } }</style>
  <text x="${kLeft}" y="20" class="title">Latchkey as a multiple of what is beside it (medians)</text>
  <text x="${kLeft}" y="38">the mark: what it must be; green: it is, or nothing is demanded; brown: it is not</text>
${bars.map(bar).join('\n')}
</svg>
`;
}
