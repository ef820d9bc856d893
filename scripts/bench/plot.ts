/**
 * Draws how the cost of a transmission grows with the size of the message, from the JSON of
 * `npm run bench -- growth`: `node scripts/bench/plot.ts RESULTS.json [PICTURE.png]`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { Resvg } from '@resvg/resvg-js';
import * as echarts from 'echarts';
import type { Machine } from './machine.ts';
import type { CaseResult } from './results.ts';

const FONT = 'DejaVu Sans';
const CAPTIONS: Readonly<Record<string, string>> = {
  ours: 'Textyard: send, queue, claim, record',
  floor: 'hand-written SQL over the same tables, no queue',
};

interface Results {
  readonly date: string;
  readonly machine: Machine;
  readonly cases: readonly CaseResult[];
}

/** The picture as SVG, from the results of the case `growth`. @throws Error when they are not there */
export function growthSvg(results: Results): string {
  const growth = results.cases.find((one) => one.name === 'growth');
  if (!growth) throw new Error('there is no case "growth" in these results: run "npm run bench -- growth"');
  const lines = ['ours', 'floor'].map((name) => ({
    name,
    points: Object.entries(growth.figures).flatMap(([contender, figures]) => {
      const [kind, share] = contender.split(' ');
      const cost = figures.microsEach;
      return kind === name && cost ? [{ size: Math.round(growth.size * Number(share)), cost }] : [];
    }),
  }));
  const { machine } = results;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 900, height: 520 });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: FONT },
    title: {
      text: 'What one transmission costs, by the size of its message',
      subtext: `median of ${growth.rounds}, bars from least to most; ${machine.cores} cores, PostgreSQL ${machine.postgres}, Node ${machine.node}`,
      left: 'center',
      top: 12,
    },
    legend: { bottom: 8, itemGap: 80, data: lines.map(({ name }) => CAPTIONS[name] ?? name) },
    grid: { left: 80, right: 40, top: 90, bottom: 90 },
    xAxis: {
      type: 'log',
      name: 'recipients of the message',
      nameLocation: 'middle',
      nameGap: 32,
      min: (lines[0]?.points[0]?.size ?? 1) * 0.8,
      max: (lines[0]?.points.at(-1)?.size ?? 1) * 1.25,
      axisLabel: {
        formatter: (value: number) => (Math.log10(value) % 1 === 0 ? value.toLocaleString('en-US') : ''),
      },
    },
    yAxis: { type: 'value', name: 'microseconds each', min: 0 },
    series: lines.flatMap(({ name, points }, index) => {
      const color = ['#1f6f8b', '#c8553d'][index] ?? '#555555';
      return [
        {
          name: CAPTIONS[name] ?? name,
          type: 'line',
          color,
          symbolSize: 9,
          data: points.map(({ size, cost }) => [size, cost.median]),
          label: {
            show: true,
            position: 'top',
            distance: 12,
            formatter: (at: { value: number[] }) => at.value[1]?.toFixed(0) ?? '',
          },
        },
        // A bar is a line of its own from the least to the most.
        ...points.map(({ size, cost }) => ({
          type: 'line',
          color,
          symbol: 'none',
          lineStyle: { width: 5, opacity: 0.35 },
          data: [
            [size, cost.min],
            [size, cost.max],
          ],
        })),
      ];
    }),
  } as echarts.EChartsCoreOption);
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/** An SVG as PNG, with the font that came with the packages. */
export function pngOf(svg: string): Buffer {
  const fonts = dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json'));
  const file = (name: string) => join(fonts, 'ttf', name);
  const picture = new Resvg(svg, {
    fitTo: { mode: 'width', value: 1800 },
    font: {
      fontFiles: [file('DejaVuSans.ttf'), file('DejaVuSans-Bold.ttf')],
      loadSystemFonts: false,
      defaultFontFamily: FONT,
    },
  });
  return picture.render().asPng();
}

if (import.meta.main) {
  const [from, to = join(import.meta.dirname, '..', '..', 'docs', 'performance-growth.png')] =
    process.argv.slice(2);
  if (from === undefined) throw new Error('give the JSON that "npm run bench -- growth --json FILE" wrote');
  const png = pngOf(growthSvg(JSON.parse(readFileSync(resolve(from), 'utf8'))));
  writeFileSync(to, png);
  console.log(`${to}: ${png.length} bytes`);
}
