// Loaded before the agent in a process whose clocks are made to stand still (libfaketime): the boot clock is then the
// process's own as well. The agent asks the C library by its file's name, where no preloaded library is asked.

import { registerHooks } from "node:module";

const asked = 'koffi.load("libc.so.6")';

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.endsWith("/agent/host/linux/clock.ts")) return loaded;
    const source = `${loaded.source}`;
    if (!source.includes(asked)) throw new Error("the agent reads its boot clock in another way");
    return { ...loaded, source: source.replace(asked, "koffi.load(null)") };
  },
});
