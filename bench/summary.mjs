/** The median of the values, and what a share of them lies below: by default their quartiles; 0 and 1 are the lowest and highest. */
export function summary(values, { low = 0.25, high = 0.75 } = {}) {
  const all = [...values].sort((one, other) => one - other);
  const at = (share) => (all[Math.floor((all.length - 1) * share)] + all[Math.ceil((all.length - 1) * share)]) / 2;
  return { median: at(0.5), low: at(low), high: at(high), runs: all.length };
}
