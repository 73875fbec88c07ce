// ApplicationService.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { ApplicationSchema, ApplicationService } from "@drover/proto/gen/drover/v1/application_pb.ts";
import { principalOf } from "./auth.ts";
import type { DefinitionDoor, DefinitionPut } from "./door.ts";
import { accepted, refused } from "./errors.ts";
import { page } from "./pages.ts";
import { timestamp } from "./run-messages.ts";

export const createApplications = (door: DefinitionDoor): ServiceImpl<typeof ApplicationService> => ({
  async putApplication({ source, files, checkOnly }, context) {
    const put = accepted(await door.put(principalOf(context).tenant, { source, files, checkOnly }));
    return { application: applicationMessage(put) };
  },

  async getApplication({ name, version }, context) {
    const found = await door.read(principalOf(context).tenant, name, version);
    if (found === undefined) {
      const which = version === 0 ? name : `${name} version ${version}`;
      return refused("APPLICATION_NOT_FOUND", `There is no application ${which}.`);
    }
    return { application: { ...applicationMessage(found), source: found.source } };
  },

  async listApplications(request, context) {
    const { tenant } = principalOf(context);
    const { rows, nextPageToken } = await page("applications", request, "name", (after, limit) =>
      door.list(tenant, after, limit),
    );
    return { applications: rows.map(applicationMessage), nextPageToken };
  },
});

const applicationMessage = ({
  name,
  version,
  createdAt,
}: DefinitionPut): MessageInitShape<typeof ApplicationSchema> => ({
  name,
  version,
  createdAt: timestamp(createdAt),
});
