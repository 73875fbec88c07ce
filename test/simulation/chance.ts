// Randomness from a seed: the same seed gives the same numbers for ever. `fork` gives each part of a simulation a sequence of
// its own, so that one more draw here changes nothing there.

export class Chance {
  readonly #name: string;
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(name: string) {
    this.#name = name;
    let hash = 2_166_136_261;
    const word = () => {
      for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 16_777_619);
      hash = Math.imul(hash ^ (hash >>> 15), 2_246_822_507);
      return hash >>> 0;
    };
    [this.#a, this.#b, this.#c] = [word(), word(), word()];
    for (let turn = 0; turn < 15; turn++) this.next();
  }

  fork(name: string): Chance {
    return new Chance(`${this.#name} ${name}`);
  }

  /** In [0, 1): the generator sfc32. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return (sum >>> 0) / 4_294_967_296;
  }

  happens(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** Mostly near `least`, seldom near `most`: how long things take. */
  mostlyShort(least: number, most: number): number {
    return least + (most - least) * this.next() ** 4;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.next() * list.length)];
    if (picked === undefined) throw new Error("there is nothing to pick from");
    return picked;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.between(0, 255));
  }
}
