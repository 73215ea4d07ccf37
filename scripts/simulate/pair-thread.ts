// A thread's entry: runs simulations with pairs of crashes one after the other.
import { runPairs } from "../../src/simulation/crashes/run-crashes.js";
import { answerJobs } from "./answer-jobs.js";

answerJobs(runPairs, (job) => JSON.stringify(job));
