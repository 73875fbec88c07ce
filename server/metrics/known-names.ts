// Bounds how many names a label can have: whoever defines workflow after workflow must not fill the memory of a replica, nor that of
// who scrapes it.

/** Names of one kind in one tenant that are told apart. */
export const namesMax = 500;

/** No workflow, application or pool can be called so. */
export const others = "(others)";

/** A name stays itself for as long as the process runs; names that come when there are `max` are all `others`. */
export function createKnownNames(max = namesMax): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (!known.has(name)) {
      if (known.size >= max) return others;
      known.add(name);
    }
    return name;
  };
}
