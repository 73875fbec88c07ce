// Whether a machine is given further runs, and until when the one that it has may go on: as operators say. Pure.

import type { Instant } from "./names.ts";

/** `open` it is given runs; `cordoned` it is not, and what it does goes on; `draining` so until a deadline. */
export const cordonStates = ["open", "cordoned", "draining"] as const;

export type Cordon =
  | { readonly is: "open" }
  | { readonly is: "cordoned"; readonly since: Instant }
  | { readonly is: "draining"; readonly since: Instant; readonly by: Instant };

export type CordonHappening =
  | { readonly is: "cordon" }
  | { readonly is: "uncordon" }
  | { readonly is: "drain"; readonly by: Instant };

/** What is true after `happening`; the same value when it changes nothing. */
export function advanceCordon(cordon: Cordon, happening: CordonHappening, now: Instant): Cordon {
  const since = cordon.is === "open" ? now : cordon.since;
  switch (happening.is) {
    case "cordon":
      // A drain goes on: to cordon twice is no reason to let work go on.
      return cordon.is === "open" ? { is: "cordoned", since } : cordon;
    case "uncordon":
      return cordon.is === "open" ? cordon : { is: "open" };
    case "drain":
      return cordon.is === "draining" && cordon.by === happening.by
        ? cordon
        : { is: "draining", since, by: happening.by };
  }
}
