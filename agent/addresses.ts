// The control plane's addresses, as the command line names them.

import { readFileSync } from "node:fs";
import { type ServerAddress, serverAddress } from "./connection/server-address.ts";
import { type ServerSettings, WrongSetting } from "./settings.ts";

export function addressesOf(settings: ServerSettings): [ServerAddress, ...ServerAddress[]] {
  const { server, insecure, authoritiesFile } = settings;
  const authorities = authoritiesFile === undefined ? {} : { authorities: readSetting("--ca", authoritiesFile) };
  const [first = "", ...others] = server.split(",");
  const addressOf = (url: string) => serverAddress(url.trim(), { insecure, ...authorities });
  return [addressOf(first), ...others.map(addressOf)];
}

/** A file, or standard input (0). */
export function readSetting(option: string, file: string | number): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new WrongSetting(`${option}: ${(error as Error).message}`);
  }
}
