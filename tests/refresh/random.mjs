// A seeded stream of random numbers, so that a run's faults can be had again. Nothing secret is made of it.

/** returns next(): numbers in [0, 1), the same for the same 32-bit seed (mulberry32, Tommy Ettinger, public domain). */
export function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** One of {name: weight}, or undefined where the weights add up to less than 1 and none was drawn. */
export function draw(random, weights, total = 1) {
  let left = random() * total;
  for (const [name, weight] of Object.entries(weights)) {
    left -= weight;
    if (left < 0) {
      return name;
    }
  }
  return undefined;
}

/** A number between two, the upper one excluded. */
export const between = (random, [low, high]) => low + random() * (high - low);
