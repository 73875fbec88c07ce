// What a halt can cover (G14): everything whose work it stops.

export const haltKinds = ["machine", "workflow", "application", "pool", "tenant"] as const;
export type HaltKind = (typeof haltKinds)[number];
