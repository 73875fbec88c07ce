// Memory that stays where it is until it is freed: for structures that hold addresses of others, which a garbage collector
// does not see.

import koffi from "koffi";

export interface NativeBytes {
  readonly address: bigint;
  readonly bytes: Buffer;
}

export class NativeMemory {
  readonly #taken: bigint[] = [];

  /** Zeroed. Not to be touched after `free`. */
  take(length: number): NativeBytes {
    const address: bigint = koffi.alloc("uint8_t", length);
    this.#taken.push(address);
    return { address, bytes: Buffer.from(koffi.view(address, length)).fill(0) };
  }

  copy(content: Uint8Array): NativeBytes {
    const taken = this.take(content.length);
    taken.bytes.set(content);
    return taken;
  }

  free(): void {
    for (const address of this.#taken.splice(0)) koffi.free(address);
  }
}
