// The faults that chaos has: each strikes one victim, and is mended by whoever struck.
import type { Random } from "../../src/simulation/random.js";
import type { TcpProxy } from "./tcp-proxy.js";

/** A process or several of a kind, as far as faults need to know it. */
export interface Victim {
  readonly name: string;
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  restart(): Promise<void>;
}

export interface HostVictim extends Victim {
  readonly roles: readonly string[];
}

export interface Targets {
  readonly hosts: readonly HostVictim[];
  /** By kind, 'nats' or 'etcd' for instance: the servers of that kind. */
  readonly servers: ReadonlyMap<string, readonly Victim[]>;
  /** By kind: what stands between it and everybody else. */
  readonly proxies: ReadonlyMap<string, readonly TcpProxy[]>;
  /** After this long without a sign others take over from a host. */
  readonly sessionTtlMs: number;
}

export interface Fault {
  /** For instance 'kill-query', 'freeze-data', 'cut-nats'. */
  readonly kind: string;
  /** How often it is chosen, relative to the others. */
  readonly weight: number;
  /** Processes that it kills. */
  readonly kills: number;
  /** Chooses its victim. */
  aim(random: Random): Strike;
}

export interface Strike {
  /** The name of the host that alone it takes away; null where it is more than that. */
  readonly host: string | null;
  /** Resolves when all is as before: the process runs again, the network heals. */
  run(sleep: (ms: number) => Promise<void>): Promise<void>;
}

const restartAfterMsMax = 800;
const freezeServerMs = 3_000;
const badWeatherMs = 2_500;
const latencyMs = 150;
const sessionTtls = 3;

const weights = {
  killHost: 12,
  killServer: 5,
  freezeHost: 1,
  freezeServer: 1,
  weather: 1.5,
  all: 1,
};

/** `only`: names of kinds, or beginnings of them such as 'kill'; all when there are none. */
export function faultsOf(targets: Targets, only: readonly string[]): readonly Fault[] {
  const all = [...hostFaults(targets), ...serverFaults(targets), ...weatherFaults(targets)];
  const isChosen = ({ kind }: Fault) =>
    only.length === 0 || only.some((name) => kind === name || kind.startsWith(`${name}-`));
  return all.filter(isChosen);
}

export function pickFault(faults: readonly Fault[], random: Random): Fault {
  let dice = random.next() * faults.reduce((sum, { weight }) => sum + weight, 0);
  const chosen = faults.find(({ weight }) => {
    dice -= weight;
    return dice < 0;
  });
  const last = faults.at(-1);
  if (last === undefined) throw new Error("there are no faults to pick from");
  return chosen ?? last;
}

function hostFaults({ hosts, sessionTtlMs }: Targets): readonly Fault[] {
  const roles = [...new Set(hosts.flatMap((host) => host.roles))];
  const each = roles.flatMap((role): Fault[] => {
    const victims = hosts.filter((host) => host.roles.includes(role));
    return [
      killing(`kill-${role}`, victims, weights.killHost / roles.length, true),
      freezing(`freeze-${role}`, victims, weights.freezeHost / roles.length, () =>
        Math.round(sessionTtlMs * sessionTtls),
      ),
    ];
  });
  return [...each, killingAll(hosts)];
}

function killing(
  kind: string,
  victims: readonly Victim[],
  weight: number,
  areHosts: boolean,
): Fault {
  return {
    ...{ kind, weight, kills: 1 },
    aim(random) {
      const victim = random.pick(victims);
      const restartAfterMs = random.below(restartAfterMsMax);
      return {
        host: areHosts ? victim.name : null,
        async run(sleep) {
          await victim.kill();
          await sleep(restartAfterMs);
          await victim.restart();
        },
      };
    },
  };
}

function killingAll(hosts: readonly HostVictim[]): Fault {
  return {
    ...{ kind: "kill-all-hosts", weight: weights.all / 2, kills: hosts.length },
    aim: () => ({
      host: null,
      async run() {
        await Promise.all(hosts.map((host) => host.kill()));
        await Promise.all(hosts.map((host) => host.restart()));
      },
    }),
  };
}

function freezing(
  kind: string,
  victims: readonly Victim[],
  weight: number,
  forMs: () => number,
): Fault {
  return {
    ...{ kind, weight, kills: 0 },
    aim(random) {
      const victim = random.pick(victims);
      const run: Strike["run"] = async (sleep) => {
        victim.freeze();
        try {
          await sleep(forMs());
        } finally {
          victim.thaw();
        }
      };
      return { host: null, run };
    },
  };
}

function serverFaults({ servers }: Targets): readonly Fault[] {
  return [...servers].flatMap(([name, victims]): Fault[] => [
    killing(`kill-${name}`, victims, weights.killServer / servers.size, false),
    freezing(`freeze-${name}`, victims, weights.freezeServer / servers.size, () => freezeServerMs),
  ]);
}

function weatherFaults({ proxies }: Targets): readonly Fault[] {
  const weight = weights.weather / Math.max(1, proxies.size * 3);
  return [...proxies].flatMap(([name, through]): Fault[] => {
    const weather = (what: string, worsen: (proxy: TcpProxy, random: Random) => void): Fault => ({
      ...{ kind: `${what}-${name}`, weight, kills: 0 },
      aim: (random) => ({
        host: null,
        async run(sleep) {
          for (const proxy of through) worsen(proxy, random);
          try {
            await sleep(badWeatherMs);
          } finally {
            for (const proxy of through) proxy.heal();
          }
        },
      }),
    });
    return [
      weather("slow", (proxy) => proxy.delay(latencyMs)),
      weather("reset", (proxy) => proxy.reset()),
      weather("cut", (proxy, random) => proxy.cut(random.chance(0.5) ? "up" : "down")),
    ];
  });
}
