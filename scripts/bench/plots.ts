// Plots as SVG files, drawn by vega from what was measured.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { benchPackage } from "./packages.js";

export interface Plot {
  /** Of the file, without its ending. */
  readonly name: string;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly points: readonly Point[];
}

interface Axis {
  readonly title: string;
  readonly logarithmic?: boolean;
}

export interface Point {
  readonly series: string;
  readonly x: number;
  readonly y: number;
}

interface VegaLite {
  compile(specification: object): { spec: object };
}
interface Vega {
  parse(specification: object): object;
  View: new (runtime: object, options: object) => { toSVG(): Promise<string>; finalize(): void };
}

export async function writePlots(directory: string, plots: readonly Plot[]): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const { compile } = benchPackage<VegaLite>("vega-lite");
  const { parse, View } = benchPackage<Vega>("vega");
  for (const plot of plots) {
    const view = new View(parse(compile(specificationOf(plot)).spec), { renderer: "none" });
    writeFileSync(join(directory, `${plot.name}.svg`), `${await view.toSVG()}\n`);
    view.finalize();
  }
}

function specificationOf({ title, x, y, points }: Plot): object {
  return {
    title,
    width: 520,
    height: 320,
    background: "white",
    data: { values: points },
    mark: { type: "line", point: true },
    encoding: {
      x: channel("x", x),
      y: channel("y", y),
      color: { field: "series", type: "nominal", title: null },
      order: { field: "x" },
    },
  };
}

function channel(field: "x" | "y", { title, logarithmic = false }: Axis): object {
  const scale = logarithmic ? { type: "log" } : { zero: false };
  return { field, type: "quantitative", title, scale };
}
