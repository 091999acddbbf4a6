// How full the fullest moment was.

/** The highest number of times (ms, in any order) in any window [x, x + width). */
export function maxInWindow(times, width) {
  const sorted = Float64Array.from(times).sort();
  let most = 0;
  let first = 0;
  for (let last = 0; last < sorted.length; last++) {
    while (sorted[last] - sorted[first] >= width) {
      first += 1;
    }
    most = Math.max(most, last - first + 1);
  }
  return most;
}
