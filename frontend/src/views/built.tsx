import type { JSX } from "preact";
import { useCallback, useMemo } from "preact/hooks";
import { drawX, drawY, line } from "../axes.ts";
import { type Frame, type Look, Picture } from "../picture.tsx";
import { add, angles, type Built, lead, linear, phaseError } from "../hand/built.ts";
import { onCircle, type Place } from "../circle.ts";
import { placed } from "../tables.ts";
import { percent, short } from "../words.ts";
import { square } from "./plane.tsx";

const HEIGHT = 300;
const FINE = 720; // directions of a drawn circle
const DIRECTIONS = Array.from({ length: FINE + 1 }, (_, i) => (2 * Math.PI * i) / FINE);

interface Props {
	built: Built;
	a: number;
	b: number;
	look: Look;
}

/** A plane with angles as on a clock, of which `far` fits. */
function plane(frame: Frame, far: number) {
	const { x, y, half } = square(frame, 24);
	const at = (up: number, right: number) =>
		[x + (right / far) * half, y - (up / far) * half] as const;
	const { context } = frame;
	return {
		at,
		stroke(places: [number, number][], color: string, width: number) {
			context.strokeStyle = color;
			context.lineWidth = width;
			context.beginPath();
			for (const [up, right] of places) context.lineTo(...at(up, right));
			context.stroke();
		},
		dot(up: number, right: number, color: string, radius: number) {
			context.fillStyle = color;
			context.beginPath();
			context.arc(...at(up, right), radius, 0, 2 * Math.PI);
			context.fill();
		},
		write(text: string, angle: number, distance: number, color: string) {
			context.fillStyle = color;
			context.textAlign = "center";
			context.textBaseline = "middle";
			context.fillText(text, ...at(distance * Math.cos(angle), distance * Math.sin(angle)));
		},
	};
}

type Part = [string, number, Place];

function circle(radius = 1): [number, number][] {
	return DIRECTIONS.map((angle) => [radius * Math.cos(angle), radius * Math.sin(angle)]);
}

/** Both embeddings, their sum, and how much each neuron hears of that and says. */
export function Hearing({ built, a, b, look }: Props): JSX.Element {
	const { p, activation } = built;
	const { heard, said } = useMemo(() => add(built, a, b), [built, a, b]);
	const neurons = activation === "identity" ? [] : angles(built);
	const [x, y] = [a, b].map((token) => (2 * Math.PI * token) / p) as [number, number];
	const sum: [number, number] = [Math.cos(x) + Math.cos(y), Math.sin(x) + Math.sin(y)];
	const draw = useCallback(
		(frame: Frame) => {
			const on = plane(frame, 2.05);
			on.stroke(circle(), look.rule, 1);
			const most = Math.max(...said.map(Math.abs), 1e-9);
			neurons.forEach((angle, j) => {
				const end = (radius: number): [number, number] => [
					radius * Math.cos(angle),
					radius * Math.sin(angle),
				];
				on.stroke([[0, 0], end(1)], look.rule, 1.2);
				const color = look.frequencies[j % look.frequencies.length]!;
				on.stroke([[0, 0], end(said[j]! / most)], color, 5);
				on.write(`${j + 1}`, angle, 1.16, look.ink);
			});
			on.stroke([[0, 0], [Math.cos(x), Math.sin(x)], sum], look.train, 2);
			on.stroke([[0, 0], [Math.cos(y), Math.sin(y)], sum], look.test, 2);
			on.stroke([[0, 0], sum], look.ink, 3);
			on.dot(Math.cos(x), Math.sin(x), look.train, 4);
			on.dot(Math.cos(y), Math.sin(y), look.test, 4);
			on.dot(...sum, look.ink, 5);
			const away = 0.2 * Math.sign(Math.sin(x - y)); // from the arrows between both
			on.write(`${a}`, x + away, 1.5, look.train);
			on.write(`${b}`, y - away, 1.5, look.test);
		},
		[built, a, b, said],
	);
	const told = said.map((one, j) => `${j + 1} hears ${short(heard[j]!)} and says ${short(one)}`);
	const label =
		`The embeddings of ${a} and ${b} and their sum, an arrow half way between them` +
		(neurons.length ? `. Neuron ${told.join("; ")}.` : ".");
	const table = () => ({
		columns: ["part", "number", "cosine", "sine", "hears", "says"],
		rows: [
			["embedding of a", a, Math.cos(x), Math.sin(x), "", ""],
			["embedding of b", b, Math.cos(y), Math.sin(y), "", ""],
			["sum", a + b, ...sum, "", ""],
			...neurons.map((angle, j) => {
				return ["neuron", j + 1, Math.cos(angle), Math.sin(angle), heard[j]!, said[j]!];
			}),
		],
	});
	return <Picture name="built-heard" {...{ label, height: HEIGHT, look, draw, table }} />;
}

/** Where what the neurons say leads, on the circle of the classes. */
export function Leading(props: Props): JSX.Element {
	return props.built.activation === "identity" ? <Twice {...props} /> : <Once {...props} />;
}

function Once({ built, a, b, look }: Props): JSX.Element {
	const { p } = built;
	const sum = (a + b) % p;
	const { said, logits } = useMemo(() => add(built, a, b), [built, a, b]);
	const all = useMemo(() => DIRECTIONS.map(lead(built)), [built]);
	const path = useMemo(() => steps(built, a, b, said), [built, a, b, said]);
	const draw = useCallback(
		(frame: Frame) => {
			const far = Math.max(...all.map(({ x, y }) => Math.hypot(x, y)), 1e-9);
			const farthest = Math.max(...path.map(([up, right]) => Math.hypot(up, right)));
			const on = plane(frame, Math.max(1.1 * far, farthest));
			const spoke = (c: number) => (2 * Math.PI * c) / p;
			for (let c = 0; c < p && p <= 128; c++) {
				const [up, right] = [Math.cos(spoke(c)), Math.sin(spoke(c))];
				on.stroke(
					[
						[0, 0],
						[1.06 * far * up, 1.06 * far * right],
					],
					look.rule,
					0.6,
				);
			}
			on.stroke(circle(far), look.rule, 1);
			on.stroke(
				all.map(({ x, y }) => [x, y]),
				look.quiet,
				2,
			);
			for (let j = 0; j + 1 < path.length; j++) {
				const color = look.frequencies[j % look.frequencies.length]!;
				on.stroke([path[j]!, path[j + 1]!], color, 3);
			}
			const [up, right] = path.at(-1)!;
			on.stroke([path[0]!, [up, right]], look.ink, 1.6);
			on.dot(up, right, look.ink, 5);
			on.write(`${sum}`, spoke(sum), 1.2 * far, look.ink);
		},
		[built, a, b, said],
	);
	const label =
		`What the neurons say, one arrow after the other, in directions of twice their angle: they lead to ` +
		`${logits.indexOf(Math.max(...logits))}; the right class is ${sum}. The grey line is where all sums of full length lead.`;
	const table = () =>
		placed([
			...path.map(([up, right], j): Part => ["after neuron", j, { up, right }]),
			...all.map(({ x, y }, i): Part => ["led by direction", DIRECTIONS[i]!, { up: x, right: y }]),
		]);
	return <Picture name="built-said" {...{ label, height: HEIGHT, look, draw, table }} />;
}

/** What the neurons say, one after the other, as if the arrow that they hear had length 1. */
function steps(built: Built, a: number, b: number, said: number[]): [number, number][] {
	const scale = 1 / Math.max(Math.abs(2 * Math.cos((Math.PI * (a - b)) / built.p)), 1e-9);
	const shrunk = built.activation === "square" ? scale * scale : scale;
	let [up, right] = [0, 0];
	const path: [number, number][] = [[up, right]];
	angles(built).forEach((angle, j) => {
		up += shrunk * said[j]! * Math.cos(2 * angle);
		right += shrunk * said[j]! * Math.sin(2 * angle);
		path.push([up, right]);
	});
	return path;
}

/** The half-angle model: its outputs go round twice, so that each class has two of them. */
function Twice({ built, a, b, look }: Props): JSX.Element {
	const { p } = built;
	const { logits } = useMemo(() => linear(p, a, b), [p, a, b]);
	const chosen = logits.indexOf(Math.max(...logits));
	const sum = onCircle((Math.PI * (a + b)) / p, Math.cos((Math.PI * (a - b)) / p));
	const draw = useCallback(
		(frame: Frame) => {
			const on = plane(frame, 1.2);
			on.stroke(circle(), look.rule, 1);
			for (let c = 0; c < 2 * p; c++) {
				const angle = (Math.PI * c) / p;
				const radius = c < p ? 1 : 0.93;
				const color = look.frequencies[c < p ? 0 : 1]!;
				on.dot(radius * Math.cos(angle), radius * Math.sin(angle), color, c === chosen ? 6 : 2);
			}
			on.stroke(
				[
					[0, 0],
					[sum.up, sum.right],
				],
				look.ink,
				3,
			);
			on.write(`${chosen}`, (Math.PI * chosen) / p, 1.12, look.ink);
		},
		[p, a, b, chosen],
	);
	const label =
		`Without an activation: outputs 0 to ${2 * p - 1} at half angles go round the circle twice. ` +
		`The sum points to output ${chosen}, which is ${chosen % p} modulo ${p}; the right class is ${(a + b) % p}.`;
	const table = () =>
		placed([
			["half the sum", a + b, sum],
			...Array.from(logits, (_, c): Part => ["output", c, onCircle((Math.PI * c) / p)]),
		]);
	return <Picture name="built-said" {...{ label, height: HEIGHT, look, draw, table }} />;
}

/** By how much every sum misses, against what the modulus can bear. */
export function Wrinkles({ built, a, b, look }: Props): JSX.Element {
	const { p } = built;
	const unit = Math.PI / p; // half the angle between two classes
	const errors = useMemo(() => {
		const leads = lead(built);
		return DIRECTIONS.map((direction) => phaseError(leads(direction), direction) / unit);
	}, [built]);
	const most = errors.reduce((largest, one) => Math.max(largest, Math.abs(one)), 0);
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width, height } = frame;
			const box = { left: 48, right: width - 8, top: 24, bottom: height - 38 };
			const top = Math.max(1.25, Math.min(most, p) * 1.1);
			const middle = (box.top + box.bottom) / 2;
			const y = (value: number) => middle - (value / top) * (middle - box.top);
			context.fillStyle = look.frequencies[0]!;
			context.globalAlpha = 0.15;
			context.fillRect(box.left, y(1), box.right - box.left, y(-1) - y(1));
			context.globalAlpha = 1;
			const name = "missed by, in halves of a class";
			drawY(
				frame,
				box,
				y,
				[-1, 0, 1].map((at) => ({ at, words: `${at}`.replace("-", "−") })),
				name,
			);
			const x = (s: number) => box.left + (s / p) * (box.right - box.left);
			context.lineWidth = 2;
			context.strokeStyle = look.test;
			// A sum may come with its arrow in either of two directions.
			for (const [from, to] of [
				[0, FINE / 2],
				[FINE / 2, FINE],
			] as const) {
				context.beginPath();
				for (let i = from; i <= to; i++) {
					const height = Math.max(-top, Math.min(top, errors[i]!));
					context.lineTo(x((2 * p * (i - from)) / FINE), y(height));
				}
				context.stroke();
			}
			context.strokeStyle = look.ink;
			context.setLineDash([4, 3]);
			line(context, x((a + b) % p), box.top, x((a + b) % p), box.bottom);
			context.setLineDash([]);
			const ticks = [0, Math.floor(p / 2), p].map((at) => ({ at, words: `${at}` }));
			drawX(frame, box, x, ticks, "sum a + b");
		},
		[errors, a, b],
	);
	const label =
		`By how much sums miss their class, in halves of the angle between two classes: at most ${short(most)}. ` +
		(most < 1
			? "Below 1 every answer is right."
			: `Beyond 1 an answer is wrong: of sums, ${percent(share(errors))}.`);
	const table = () => ({
		columns: ["direction", "sum", "missed by"],
		rows: errors.map((error, i) => [DIRECTIONS[i]!, (DIRECTIONS[i]! / unit) % p, error]),
	});
	return <Picture name="built-wrinkles" {...{ label, height: HEIGHT, look, draw, table }} />;
}

function share(errors: number[]): number {
	return errors.filter((one) => Math.abs(one) >= 1).length / errors.length;
}
