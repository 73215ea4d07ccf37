// The actors that a host runs once, and its edge for clients: they come and go one by one.
import type { HostRole, RunningActor } from "./actor-table.js";
import type { ClientService } from "./client-service.js";

export interface HostActorsSettings {
  readonly roles: readonly HostRole[];
  start(role: HostRole): RunningActor;
  /** Makes the proxy reachable for clients. */
  serve(proxy: RunningActor): Promise<ClientService>;
}

export class HostActors {
  readonly #settings: HostActorsSettings;
  readonly #running = new Map<HostRole, RunningActor>();
  readonly #leaving = new Map<HostRole, Promise<void>>();
  #service: ClientService | null = null;

  constructor(settings: HostActorsSettings) {
    this.#settings = settings;
  }

  get actors(): readonly RunningActor[] {
    return [...this.#running.values()];
  }

  get roles(): readonly HostRole[] {
    return [...this.#running.keys()];
  }

  /** Null while clients are not served here. */
  get service(): ClientService | null {
    return this.#service;
  }

  /** Those that do not run, and those that are on their way out, once they are. */
  async start(): Promise<void> {
    await Promise.all(this.#leaving.values());
    for (const role of this.#settings.roles) {
      if (!this.#running.has(role)) this.#running.set(role, this.#settings.start(role));
    }
    const proxy = this.#running.get("proxy");
    if (proxy === undefined || this.#service !== null) return;
    this.#service = await this.#settings.serve(proxy);
  }

  /** Takes nothing more, and resolves when what was taken is done, or the time is over. */
  async leave(role: HostRole, withinMs: number): Promise<void> {
    const leaving = this.#leaving.get(role) ?? this.#leave(role, withinMs);
    this.#leaving.set(role, leaving);
    await leaving;
    this.#leaving.delete(role);
  }

  async #leave(role: HostRole, withinMs: number): Promise<void> {
    const actor = this.#running.get(role);
    if (actor === undefined) return;
    if (role === "proxy") await this.#service?.drain(withinMs);
    await actor.drain(withinMs);
    this.#running.delete(role);
    if (role === "proxy") this.#service = null;
  }
}
