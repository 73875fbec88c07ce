// Where artifacts' bytes are: one interface, files by default.

export interface BlobStore {
  /** Writes a blob whole or not at all; an existing one of that key is replaced. */
  put(key: string, content: Uint8Array): Promise<void>;
  /** Undefined when there is none. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Deleting what is not there is no error. */
  delete(key: string): Promise<void>;
  /** Deletes every blob whose key begins with the prefix and a `/`. What is put there meanwhile may stay. */
  deleteAll(prefix: string): Promise<void>;
}
