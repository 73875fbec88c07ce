// Checks of the way to the control plane, and of what it says of this machine.

import type { ServerAnswer, ServerReached } from "../connection/diagnosis.ts";
import { fault, type Judgement, ok, skipped, warning } from "./finding.ts";

export function judgeReached(url: string, reached: ServerReached, spoken: number): Judgement {
  switch (reached.got) {
    case "answer": {
      const { protocolVersions, roundTripMs } = reached.answer;
      const answers = `${url} answers in ${Math.ceil(roundTripMs)} ms`;
      if (protocolVersions.includes(spoken)) return ok(answers);
      return fault(
        `${answers}, and serves protocol ${protocolVersions.join(", ")}, not ${spoken}`,
        "Take the agent's version that belongs to this server.",
      );
    }
    case "unknown-name":
      return fault(`the name in ${url} is not known here`, "Correct the address, or this machine's name resolution.");
    case "refused":
      return fault(
        `nothing listens at ${url}`,
        "Start the server, or correct the address: it is its agents' port (7401 by default).",
      );
    case "silent":
      return fault(
        `${url} does not answer in time`,
        "See whether a firewall stands between, and whether the server hangs.",
      );
    case "no-tls":
      return fault(`${url} does not speak TLS`, "Say http:// if the server is meant to be without TLS.");
    case "wants-tls":
      return fault(`${url} wants TLS`, "Say https:// instead of http://.");
    case "untrusted":
      return fault(
        `the certificate of ${url} is not trusted (${reached.why})`,
        "Name the file of its authority with --ca, and use the name that the certificate is for.",
      );
    case "not-agent-port":
      return fault(
        `what listens at ${url} does not speak the agents' protocol`,
        "Correct the address: it is the Drover server's agents' port (7401 by default), not the API's.",
      );
    case "unavailable":
      return warning(
        `${url} answers that it cannot serve now`,
        "See the server's log: it may be starting, or its database away.",
      );
  }
}

export function judgeKey(key: ServerAnswer["key"]): Judgement {
  if (key === "good") return ok("the control plane knows this machine");
  if (key === "none") return skipped("there is no key to ask about");
  return fault(
    "the control plane does not know this machine's key, or has revoked it",
    "Enrol this machine again with a new state directory, or name the server that it was enrolled at.",
  );
}

const OFF_MS = 2_000;
const FAR_OFF_MS = 30_000;

/** Nothing is decided by the calendar; but logs and certificates are read by it. Beyond doubt: less half the round trip. */
export function judgeClock({ aheadMs, roundTripMs }: ServerAnswer): Judgement {
  const errorMs = roundTripMs / 2;
  const surelyMs = Math.abs(aheadMs) - errorMs;
  const by = `${seconds(Math.abs(aheadMs))} s ${aheadMs > 0 ? "behind" : "ahead of"} the server's, give or take ${seconds(errorMs)} s`;
  if (surelyMs <= OFF_MS) return ok(`as the server's, give or take ${seconds(Math.abs(aheadMs) + errorMs)} s`);
  const remedy = "Let the machine's clock be set by time synchronisation (NTP, or the hypervisor's).";
  return surelyMs > FAR_OFF_MS ? fault(by, remedy) : warning(by, remedy);
}

const seconds = (ms: number): string => (ms / 1000).toFixed(ms < 10_000 ? 2 : 0);
