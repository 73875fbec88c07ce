// The Windows desktop keeps the contract on real windows. Runs in a Windows process: see windows-executable.test.ts.

import { desktopContract } from "./contract.ts";
import { openWindowsRig } from "./windows-rig.ts";

desktopContract("the Windows desktop", openWindowsRig);
