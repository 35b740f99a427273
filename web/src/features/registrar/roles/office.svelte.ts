/** The duty roles of the registrar's hospital as state; a screen holds it while it is there. */
import type { RoleOffice, Roles, Sealing } from "../../../sync/roles";
import { port } from "../../model.svelte";
import { attempt } from "../../notices.svelte";

export type RolesPort = Pick<Roles, keyof Roles>;

class Office {
  roles = $state.raw<RolesPort | null>(null);
  now = $state.raw<RoleOffice | null>(null);
  sealing = $state.raw<Sealing | null>(null);
}

/** Runs inside a component. */
export function watchRoles(): Office {
  const office = new Office();
  void attempt(async () => {
    office.roles = await port().roles();
    await office.roles.refresh();
  });
  $effect(() => {
    const { roles } = office;
    if (!roles) return;
    const ends = [roles.office.subscribe((value) => { office.now = value; }), roles.sealing.subscribe((value) => { office.sealing = value; })];
    return () => ends.forEach((end) => end());
  });
  return office;
}
