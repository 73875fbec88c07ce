// Simulated fleets, and whether what is guaranteed was kept (G1, G3, G4, G5, G6, G7, G8, G14).

import { createDatabase } from "../support/postgres.ts";
import { brokenServers } from "./fleets.ts";
import { loadProductSimulated } from "./loading.ts";

loadProductSimulated();
const { prepareGround } = await import("./ground.ts");
const { testFleets } = await import("./fleet-tests.ts");

testFleets(await prepareGround((await createDatabase()).url), brokenServers);
