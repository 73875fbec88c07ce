// The X11 desktop keeps the contract on real windows.

import { desktopContract } from "./contract.ts";
import { openX11Rig } from "./x11-rig.ts";

desktopContract("the X11 desktop", openX11Rig);
