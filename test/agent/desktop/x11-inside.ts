// The desktop's contract as it runs inside drover-agent (x11-executable.long.test.ts).

import { desktopContract } from "./contract.ts";
import { openX11Rig } from "./x11-rig.ts";

desktopContract("the X11 desktop in an executable", async () => {
  const rig = await openX11Rig();
  // As `run --display` does: one process, one desktop.
  process.env["DISPLAY"] = rig.session.display;
  return rig;
});
