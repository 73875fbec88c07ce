// Loads product code for a simulation: as it is, but what it knows of time and chance is the simulation's. Its global timers
// and clocks are imported from `product-time.ts` instead, and so on; libraries keep the real ones (postgres.js has real
// sockets). To be called before the first import of product code.

import { registerHooks } from "node:module";

const root = new URL("../../", import.meta.url).href;
const simulation = new URL("./", import.meta.url).href;

/** The product, without what starts a real Postgres. */
const isProduct = (url: string | undefined): boolean =>
  url?.startsWith(root) === true &&
  /^(agent|proto|server\/(blobs|channel|engine|rules|store|workflows))\//.test(url.slice(root.length));

const instead: Readonly<Record<string, string>> = {
  "@grpc/grpc-js": "grpc.ts",
  "node:crypto": "product-crypto.ts",
  "node:timers/promises": "product-pauses.ts",
  uuid: "product-chance.ts",
};

const timed = [
  ...["AbortSignal", "Date", "performance", "clearImmediate", "clearInterval", "clearTimeout"],
  ...["setImmediate", "setInterval", "setTimeout"],
];

const used = (names: readonly string[], source: string) =>
  names.filter((name) => new RegExp(`(?<![.\\w$])${name}\\b`).test(source));

/** On the first line, so that all lines keep their numbers. */
function prefixed(source: string): string {
  const importing = (names: readonly string[], file: string) =>
    names.length === 0 ? "" : `import { ${names.join(", ")} } from "${simulation}${file}"; `;
  const random = used(["crypto"], source).filter(() => /(?<![.\w$])crypto\./.test(source));
  return importing(used(timed, source), "product-time.ts") + importing(random, "product-chance.ts") + source;
}

export function loadProductSimulated(): void {
  registerHooks({
    resolve(specifier, context, next) {
      if (!isProduct(context.parentURL)) return next(specifier, context);
      const file = specifier.endsWith("/host/this-host.ts") ? "host.ts" : instead[specifier];
      return file === undefined ? next(specifier, context) : next(`${simulation}${file}`, context);
    },
    load(url, context, next) {
      const loaded = next(url, context);
      if (!isProduct(url) || !url.endsWith(".ts") || loaded.source === undefined) return loaded;
      const source =
        typeof loaded.source === "string" ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString("utf8");
      return { ...loaded, source: prefixed(source) };
    },
  });
}
