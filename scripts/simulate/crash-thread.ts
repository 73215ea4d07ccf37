// A thread's entry: runs simulations in which processes die at the points of a plan.
import { runCrashes } from "../../src/simulation/crashes/run-crashes.js";
import { answerJobs } from "./answer-jobs.js";

answerJobs(runCrashes, ({ seed, load, plan }) => JSON.stringify({ seed, load, plan }));
