import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import { type Box, drawSteps, drawX, drawY, LINE, lossScale } from "../axes.ts";
import { largest } from "../bundle.ts";
import { type Frame, type Look, Picture } from "../picture.tsx";
import { cells, paint } from "../ramp.ts";
import type { State } from "../state.ts";
import { grid } from "../tables.ts";
import type { Point } from "../training/curve.ts";
import { percent, short, whole } from "../words.ts";

const HEIGHT = 190;
const HEAD = 16; // pixels beside the button that saves
const SIDES = ["train", "test"] as const;

interface CurveProps {
	kind: "loss" | "accuracy";
	points: Point[];
	count: number; // of points, which are added to one list
	known: Point[]; // what was recorded when the same run was trained before, to be drawn pale
	scale: State["scale"];
	look: Look;
}

/** Loss or accuracy while it is being learned. */
export function LiveCurve({ kind, points, count, known, scale, look }: CurveProps): JSX.Element {
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width, height } = frame;
			const box = { left: 48, right: width - 8, top: 24, bottom: height - 38 };
			const last = Math.max(100, points.at(-1)?.step ?? 0);
			const x = drawSteps(frame, box, scale, last);
			const y = kind === "loss" ? lossAxis(frame, box, points) : shareAxis(frame, box, "accuracy");
			context.lineJoin = "round";
			context.save();
			context.beginPath();
			context.rect(box.left, 0, box.right - box.left, box.bottom);
			context.clip();
			for (const side of SIDES) {
				context.strokeStyle = look[side];
				const places = (some: Point[]) =>
					some.map((one) => [x(one.step), y(one[side][kind])] as const);
				trace(context, places(known.filter(({ step }) => step <= last)), 5, 0.3);
				trace(context, places(points), 1.8, 1);
			}
			context.restore();
		},
		[kind, points, count, known, scale],
	);
	const now = points.at(-1);
	const words = kind === "loss" ? short : percent;
	const values = now ? SIDES.map((side) => `${side} ${words(now[side][kind])}`).join(", ") : "none";
	const label = `Curve of ${kind} while the network trains, to step ${whole(now?.step ?? 0)}: ${values}.`;
	const rows = (trained: string, some: Point[]) =>
		some.map((one) => [trained, one.step, ...SIDES.map((side) => one[side][kind])]);
	const table = () => ({
		columns: ["trained", "step", ...SIDES.map((side) => `${side}_${kind}`)],
		rows: [...rows("here", points), ...rows("before", known)],
	});
	return <Picture name={`live-${kind}`} {...{ label, height: HEIGHT, look, draw, table }} />;
}

function lossAxis(frame: Frame, box: Box, points: Point[]) {
	const losses = points.flatMap(({ train, test }) => [train.loss, test.loss]);
	const known = losses.filter((loss) => loss > 0 && loss < Infinity);
	const low = known.reduce((least, one) => Math.min(least, one), 0.1);
	const high = known.reduce((most, one) => Math.max(most, one), 1e-9);
	const { scale, ticks } = lossScale(low, Math.max(high, 2 * low), box.bottom, box.top);
	drawY(frame, box, scale, ticks, "loss (nat)");
	return scale;
}

function shareAxis(frame: Frame, box: Box, name: string) {
	const y = (part: number) => box.bottom - part * (box.bottom - box.top);
	const ticks = [0, 0.5, 1].map((at) => ({ at, words: `${100 * at}%` }));
	drawY(frame, box, y, ticks, name);
	return y;
}

function trace(
	context: CanvasRenderingContext2D,
	places: (readonly [number, number])[],
	width: number,
	alpha: number,
) {
	context.lineWidth = width;
	context.globalAlpha = alpha;
	context.beginPath();
	for (const [x, y] of places) if (Number.isFinite(y)) context.lineTo(x, y);
	context.stroke();
	context.globalAlpha = 1;
}

interface WaveProps {
	table: Float32Array;
	tokens: number;
	neurons: number;
	power: Float64Array[]; // frequency − 1, neuron
	order: number[];
	color: (frequency: number) => string;
	look: Look;
}

/** The frequency that holds most of a neuron's power, and how much it holds. */
export function strongest(power: Float64Array[], neuron: number): { k: number; share: number } {
	let [k, most, total] = [0, 0, 0];
	power.forEach((row, i) => {
		const one = row[neuron]!;
		total += one;
		if (one > most) [k, most] = [i + 1, one];
	});
	return { k, share: total ? most / total : 0 };
}

/** Every neuron's input weights as a line, the stronger in colour the more of it is one wave. */
export function LiveWaves({ table, tokens, neurons, power, order, color, look }: WaveProps) {
	const spacing = Math.max(5, Math.min(18, 440 / neurons));
	const height = HEAD + 40 + (neurons + 1) * spacing;
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width } = frame;
			const box = { left: 4, right: width - 34, top: 0, bottom: height - 38 };
			const x = (token: number) => box.left + (token / (tokens - 1)) * (box.right - box.left);
			const scale = (0.95 * spacing) / largest(table);
			context.textBaseline = "middle";
			context.textAlign = "left";
			let free = 0; // above which there is a number already
			order.forEach((neuron, place) => {
				const y = HEAD + (place + 1) * spacing;
				const { k, share } = strongest(power, neuron);
				context.strokeStyle = look.quiet;
				context.lineWidth = 0.7;
				for (const alpha of [1 - share, share]) {
					context.globalAlpha = alpha;
					context.beginPath();
					for (let a = 0; a < tokens; a++) {
						context.lineTo(x(a), y - scale * table[a * neurons + neuron]!);
					}
					context.stroke();
					context.strokeStyle = color(k);
					context.lineWidth = 1.4;
				}
				context.globalAlpha = 1;
				if (y < free) return;
				context.fillStyle = look.ink;
				context.fillText(`${k}`, box.right + 8, y);
				free = y + LINE;
			});
			const ends = [0, Math.floor((tokens - 1) / 2), tokens - 1];
			const ticks = ends.map((at) => ({ at, words: `${at}` }));
			drawX(frame, box, x, ticks, "token");
		},
		[table, power, order, height],
	);
	const found = order.map((neuron) => strongest(power, neuron));
	const mean = found.reduce((sum, one) => sum + one.share, 0) / neurons;
	const label =
		`Input weights of ${neurons} neurons over ${tokens} tokens. ` +
		`On average ${percent(mean)} of a neuron's power is in its strongest frequency.`;
	const numbers = () =>
		grid(["neuron", "token", "weight"], order, tokens, (n, a) => table[a * neurons + n]!);
	return <Picture name="live-waves" {...{ label, height, look, draw }} table={numbers} />;
}

interface SpectrumProps {
	power: Float64Array[];
	color: (frequency: number) => string;
	look: Look;
}

/** How the power of all neurons is spread over frequencies now. */
export function LiveSpectrum({ power, color, look }: SpectrumProps): JSX.Element {
	const sums = power.map((row) => row.reduce((sum, one) => sum + one, 0));
	const total = sums.reduce((sum, one) => sum + one, 0) || 1;
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width, height } = frame;
			const box = { left: 48, right: width - 8, top: 24, bottom: height - 38 };
			const y = shareAxis(frame, box, "share of power");
			const room = (box.right - box.left) / sums.length;
			const x = (k: number) => box.left + (k - 0.5) * room;
			sums.forEach((sum, i) => {
				context.fillStyle = color(i + 1);
				const top = y(sum / total);
				context.fillRect(x(i + 1) - 0.4 * room, top, 0.8 * room, box.bottom - top);
			});
			const every = Math.ceil(sums.length / 10);
			const ticks = sums.map((_, i) => i + 1).filter((k) => k % every === 0);
			drawX(
				frame,
				box,
				x,
				ticks.map((at) => ({ at, words: `${at}` })),
				"frequency",
			);
		},
		[power],
	);
	const top = sums.map((sum, i) => ({ k: i + 1, share: sum / total }));
	top.sort((one, other) => other.share - one.share);
	const told = top.slice(0, 4).map(({ k, share }) => `frequency ${k} ${percent(share)}`);
	const label = `Shares of the power of the input weights now; the largest: ${told.join(", ")}.`;
	const table = () => ({
		columns: ["frequency", "share"],
		rows: sums.map((sum, i) => [i + 1, sum / total]),
	});
	return <Picture name="live-spectrum" {...{ label, height: 210, look, draw, table }} />;
}

interface BitProps {
	table: Float32Array;
	inputs: number;
	neurons: number;
	look: Look;
}

/** How strongly the neurons listen to each bit of a string, and with which weights. */
export function LiveBits({ table, inputs, neurons, look }: BitProps): JSX.Element {
	const norms = Array.from({ length: inputs }, (_, i) => {
		let sum = 0;
		for (let n = 0; n < neurons; n++) sum += table[i * neurons + n]! ** 2;
		return Math.sqrt(sum);
	});
	const name = (input: number) => (input === inputs - 1 ? "one" : `${input + 1}`);
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width } = frame;
			const box = { left: 48, right: width - 8, top: 24, bottom: 130 };
			const most = Math.max(...norms) || 1;
			const y = (value: number) => box.bottom - (value / most) * (box.bottom - box.top);
			drawY(
				frame,
				box,
				y,
				[
					{ at: 0, words: "0" },
					{ at: most, words: short(most) },
				],
				"weight norm of each input",
			);
			const room = (box.right - box.left) / inputs;
			const x = (i: number) => box.left + (i + 0.5) * room;
			norms.forEach((norm, i) => {
				context.fillStyle = i < 3 ? look.frequencies[0]! : look.quiet;
				context.fillRect(x(i) - 0.4 * room, y(norm), 0.8 * room, box.bottom - y(norm));
			});
			const limit = largest(table);
			const image = cells(inputs, neurons, look.ramps["weights"]!, (i, n) => {
				return 0.5 + table[i * neurons + n]! / (2 * limit);
			});
			const low = { ...box, top: 144, bottom: 340 };
			paint(context, image, [box.left, low.top, box.right - box.left, low.bottom - low.top]);
			const ticks = [0, 1, 2, 9, 19, inputs - 1].map((at) => ({ at, words: name(at) }));
			drawX(frame, low, x, ticks, "bit");
		},
		[table],
	);
	const mean = (some: number[]) => short(some.reduce((sum, one) => sum + one, 0) / some.length);
	const label =
		`Weights from ${inputs} inputs to ${neurons} neurons. Norm of the weights of the three bits that ` +
		`matter, on average ${mean(norms.slice(0, 3))}; of the others ${mean(norms.slice(3, -1))}.`;
	const numbers = () => ({
		columns: ["bit", "norm", "neuron", "weight"],
		rows: Array.from(table, (weight, at) => {
			const i = Math.floor(at / neurons);
			return [name(i), norms[i]!, at % neurons, weight];
		}),
	});
	return <Picture name="live-bits" {...{ label, height: 380, look, draw }} table={numbers} />;
}
