/**
 * What time limits of tests are multiplied by: a busy machine is no fault of the code. `TEST_PATIENCE` sets it; without it, it is measured when a
 * run starts (see vitest.config.ts).
 */
export const patience = Number(process.env.TEST_PATIENCE ?? 2)

/** How much longer work takes now than on an idle machine, doubled, as load comes and goes; at least 2. */
export function measurePatience(): number {
  const [wall, cpu] = [performance.now(), process.cpuUsage()]
  // Work enough for the system to hand the core to whoever else wants it.
  for (let turns = 0; performance.now() - wall < 400; turns += 1) Math.sqrt(turns)
  const { user, system } = process.cpuUsage(cpu)
  const ratio = (performance.now() - wall) / Math.max(1, (user + system) / 1_000)
  return Math.min(20, Math.max(2, Math.ceil(2 * ratio)))
}
