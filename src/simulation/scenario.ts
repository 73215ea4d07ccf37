// What one seed is about: its faults, its load and the small thresholds it runs with.
import { createRandom, type Random } from "./random.js";

/** Mean time in ms between two faults of a kind; 0: the seed has none of them. */
export interface FaultRates {
  readonly crash: number;
  readonly pause: number;
  readonly disconnect: number;
  readonly brokerRestart: number;
  readonly objectsAway: number;
  readonly metadataAway: number;
  readonly clockJump: number;
  readonly logFull: number;
  readonly extraWorker: number;
  readonly drain: number;
  readonly join: number;
}

/** Probabilities of single events. */
export interface FaultOdds {
  readonly crashBetweenEffects: number;
  readonly acknowledgementLost: number;
  readonly announcementLost: number;
  readonly announcementRepeated: number;
  readonly replyLost: number;
  readonly deliveryRepeated: number;
  readonly corruptRead: number;
  readonly outcomeLost: number;
  readonly slow: number;
  readonly followerLags: number;
  readonly cacheForgets: number;
  readonly cachePoisoned: number;
}

export interface Scenario {
  readonly seed: number;
  readonly rates: FaultRates;
  readonly odds: FaultOdds;
  /** Whether a restart of the broker may lose the tail of a log. */
  readonly losesTails: boolean;
  readonly clients: number;
  readonly workMs: number;
  readonly pauseBetweenMs: number;
  readonly shards: number;
  readonly replicas: number;
  readonly autoId: boolean;
  readonly keys: number;
  readonly asOfWindowMs: number;
  readonly sealRows: number;
  readonly sealAgeMs: number;
  /** Of a data worker: some entries in half of the seeds, so that it often holds its follower. */
  readonly unflushedBytesMax: number;
  /** Collections are dropped and created again while clients use them. */
  readonly dropsCollections: boolean;
  /** At least between two drops; left out: three seconds. */
  readonly dropPauseMs?: number;
  /** The share of lags in which a log may be purged past its reader; left out: a tenth. */
  readonly longLags?: number;
  /** Their settings are altered. */
  readonly altersCollections?: boolean;
  /** How many replicas they are to have is altered. */
  readonly altersReplicas?: boolean;
  /** Of earlier times there is a dead host's session, and the mark of a drop. */
  readonly hasRelics?: boolean;
  /** Hosts are drained and taken back, and leaders are ended in order. */
  readonly hasOperator?: boolean;
  /** Query workers share a cache of results, and clients ask the same few things. */
  readonly caches: boolean;
  /** Searches come several at a time, and proxies gather them from so many on; 0: neither. */
  readonly gathersFrom: number;
  /** The brokers are several: none of them is asked how far a log reaches. */
  readonly isClustered?: boolean;
}

/** What every run has in common; an hour of the real thing is less than a minute here. */
export const timings = {
  duplicateWindowMs: 12_000,
  /** A client repeats a write for so long after its first attempt. */
  retryForMs: 3_000,
  requestTimeoutMs: 1_500,
  /** The server cuts a connection that was silent for so long. */
  silenceMs: 1_500,
  sessionTtlMs: 2_000,
  commandAckWaitMs: 3_000,
  taskAckWaitMs: 3_000,
  queryAckWaitMs: 1_000,
  objectGraceMs: 8_000,
  quietMs: 400,
  assignmentsEveryMs: 1_000,
} as const;

/** No run reaches it. */
const largeBudget = 2 ** 30;

export const noRates: FaultRates = {
  crash: 0,
  pause: 0,
  disconnect: 0,
  brokerRestart: 0,
  objectsAway: 0,
  metadataAway: 0,
  clockJump: 0,
  logFull: 0,
  extraWorker: 0,
  drain: 0,
  join: 0,
};
export const noOdds: FaultOdds = {
  crashBetweenEffects: 0,
  acknowledgementLost: 0,
  announcementLost: 0,
  announcementRepeated: 0,
  replyLost: 0,
  deliveryRepeated: 0,
  corruptRead: 0,
  outcomeLost: 0,
  slow: 0,
  followerLags: 0,
  cacheForgets: 0,
  cachePoisoned: 0,
};

/** One client, two rows, no faults: for the trace that people read. */
export function calmScenario(seed: number): Scenario {
  return {
    ...loadOf(createRandom(seed)),
    seed,
    rates: noRates,
    odds: noOdds,
    losesTails: false,
    dropsCollections: false,
    caches: false,
    gathersFrom: 0,
    shards: 1,
    replicas: 1,
    autoId: false,
    unflushedBytesMax: largeBudget,
  };
}

/** Each seed has some kinds of faults and not the others: so the kinds do not hide one another. */
export function scenarioOf(seed: number): Scenario {
  const random = createRandom(seed);
  const isCalm = random.chance(0.05);
  if (isCalm) return { ...calmScenario(seed), ...loadOf(random) };
  const rate = (meanMs: number) => (random.chance(0.4) ? meanMs * (0.5 + random.next()) : 0);
  const load = loadOf(random);
  const caching = cachingOf(seed);
  const members = membersOf(seed);
  const pause = rate(4_000);
  // A freeze past the duplicate window must end while there is still somebody to see it.
  const workMs = load.workMs + (pause > 0 ? timings.duplicateWindowMs : 0);
  const odds = (probability: number) => (random.chance(0.4) ? probability * 2 * random.next() : 0);
  return {
    ...load,
    workMs,
    seed,
    rates: {
      crash: rate(5_000),
      pause,
      disconnect: rate(4_000),
      brokerRestart: rate(9_000),
      objectsAway: rate(8_000),
      metadataAway: rate(8_000),
      clockJump: rate(8_000),
      logFull: rate(15_000),
      extraWorker: rate(6_000),
      ...members.rates,
    },
    odds: {
      crashBetweenEffects: odds(0.0005),
      acknowledgementLost: odds(0.05),
      announcementLost: odds(0.1),
      announcementRepeated: odds(0.1),
      replyLost: odds(0.03),
      deliveryRepeated: odds(0.05),
      corruptRead: odds(0.01),
      outcomeLost: odds(0.05),
      slow: odds(0.1),
      followerLags: odds(0.01),
      ...caching.odds,
    },
    losesTails: random.chance(0.1),
    unflushedBytesMax: random.chance(0.5) ? 2_000 + random.below(20_000) : largeBudget,
    caches: caching.caches,
    altersReplicas: members.altersReplicas,
    ...gatheringOf(seed),
  };
}

/** Drawn apart, too: how searches are sent, and how far the log reaches is learnt. */
function gatheringOf(seed: number) {
  const random = createRandom(seed ^ 0x6a7e4);
  const gathersFrom = random.chance(0.5) ? 1 + random.below(3) : 0;
  return { gathersFrom, isClustered: random.chance(0.3) };
}

/** Drawn apart, so that a seed's other faults are what they were before there was a cache. */
function cachingOf(seed: number) {
  const random = createRandom(seed ^ 0xcac4e);
  const odds = { cacheForgets: 0.1 * random.next(), cachePoisoned: 0.2 * random.next() };
  return { caches: random.chance(0.5), odds };
}

/** Drawn apart as well: who comes and goes, and how many are to hold what. */
function membersOf(seed: number) {
  const random = createRandom(seed ^ 0xd4a17);
  const rate = (meanMs: number) => (random.chance(0.4) ? meanMs * (0.5 + random.next()) : 0);
  return {
    rates: { drain: rate(5_000), join: rate(7_000) },
    altersReplicas: random.chance(0.4),
  };
}

function loadOf(random: Random) {
  return {
    clients: 1 + random.below(4),
    workMs: 8_000 + random.below(30_000),
    pauseBetweenMs: 20 + random.below(300),
    shards: random.chance(0.3) ? 2 : 1,
    replicas: random.chance(0.5) ? 2 : 1,
    autoId: random.chance(0.2),
    keys: 4 + random.below(24),
    asOfWindowMs: random.chance(0.3) ? 0 : random.below(10_000),
    sealRows: 4 + random.below(12),
    sealAgeMs: 500 + random.below(8_000),
    dropsCollections: random.chance(0.3),
  };
}
