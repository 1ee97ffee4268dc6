import type { JSX } from "preact";
import { useCallback, useMemo } from "preact/hooks";
import { drawX, heading } from "../axes.ts";
import { type Kept, largest } from "../bundle.ts";
import { answering, contributions, firstMaximum, type Result, sides } from "../evaluate.ts";
import { colorOf, type Group, groups } from "../groups.ts";
import { asked, type Pairs, pairsOf } from "../pairs.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import { shade } from "../ramp.ts";
import type { State } from "../state.ts";
import type { Scored, Taken } from "../taken.ts";
import { short, whole } from "../words.ts";
import { ChoosePair, pairImage, PairMap, rgb } from "./pair.tsx";

const LINE = 26; // pixels of a row at least, and of its words
const ROOM = 330; // pixels that all rows share
const MOST = 10; // groups of neurons that are shown apart
const FAINT = 0.22; // of the colour where an answer is right, or its logit least

interface Props {
	kept: Kept;
	look: Look;
	state: State;
	change: (part: Partial<State>) => void;
	taken: Taken | string;
}

/** The logits of a pair as what each frequency adds, and maps of all pairs to choose it from. */
export function Logits(props: Props): JSX.Element {
	const { taken, state } = props;
	if (typeof taken === "string") return <Note>Logits cannot be computed here. {taken}</Note>;
	const pairs = pairsOf(taken.left.forward);
	if (!pairs) {
		return (
			<Note>
				The questions of this task are not pairs of two things, so that there is none to choose.
			</Note>
		);
	}
	const { a, b, question } = asked(pairs, state.a, state.b);
	const given = { ...props, taken, pairs, question, pair: { a, b } };
	return (
		<>
			<ChoosePair {...props} pairs={pairs} />
			{question < 0 ? (
				<Note>
					There is no answer for a = {a}, b = {b}: choose another pair.
				</Note>
			) : (
				<Interference {...given} />
			)}
			<Maps {...given} />
		</>
	);
}

interface Given extends Omit<Props, "taken"> {
	taken: Taken;
	pairs: Pairs;
	question: number;
	pair: { a: number; b: number };
}

/** A part of the logits, by class, without its mean over classes, which decides nothing. */
interface Part {
	name: string;
	color: string;
	values: Float64Array;
}

function partsOf(kept: Kept, look: Look, { network, forward }: Scored, question: number): Part[] {
	if (network.layers.length > 1) return [];
	const all = few(groups(kept));
	const neurons = all.map((group) => group.neurons);
	const { groups: added, rest } = contributions(network, forward, question, neurons);
	const parts = added.map((values, i) => ({
		name: all[i]!.name,
		color: colorOf(all[i]!.frequency, kept, look),
		values: centred(values),
	}));
	if (rest.some((x) => x !== 0)) {
		const name = network.attention ? "past the neurons" : "bias";
		parts.push({ name, color: look.quiet, values: centred(rest) });
	}
	return parts;
}

/** Groups with their names; of many those of most neurons, and all others together. */
function few(found: Group[]): (Group & { name: string })[] {
	const named = found.map((group) => {
		const name = group.frequency ? `frequency ${group.frequency}` : "neurons of no one frequency";
		return { ...group, name };
	});
	if (named.length <= MOST) return named;
	const sizes = named.map(({ neurons }) => neurons.length).sort((a, b) => b - a);
	let room = MOST - 1;
	const isLarge = ({ neurons }: Group) => neurons.length >= sizes[MOST - 2]! && room-- > 0;
	const large = named.filter(isLarge);
	const others = named.filter((group) => !large.includes(group));
	const neurons = others.flatMap((group) => group.neurons);
	return [...large, { name: `${others.length} other groups`, frequency: 0, neurons }];
}

function centred(values: Float64Array): Float64Array {
	const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
	return values.map((x) => x - mean);
}

function Interference({ kept, look, taken, question, pair }: Given): JSX.Element {
	const { network, forward } = taken.left;
	const label = forward.labels.data[question]!;
	const { parts, logits, answer, rival } = useMemo(() => {
		const parts = partsOf(kept, look, taken.left, question);
		const logits = logitsOf(taken.left, question);
		const wrong = logits.map((x, c) => (c === label ? -Infinity : x));
		return { parts, logits, answer: firstMaximum(logits), rival: firstMaximum(wrong) };
	}, [kept, look, taken.left, question]);
	const rows: Part[] = [
		...parts,
		{ name: "all together: the logits", color: look.ink, values: centred(logits) },
	];
	const words =
		`a = ${pair.a}, b = ${pair.b}: the right answer is ${label}; ` +
		`${taken.isWhole ? "the network" : "what is left of it"} answers ${answer}` +
		`${answer === label ? "" : ", which is wrong"}` +
		`${forward.trained.data[question] ? " (it was trained on this pair)" : ""}.`;
	return (
		<>
			<p>{words}</p>
			<div class="pair">
				<Rows {...{ rows, look, label, answer, words }} />
				<div class="scrolls" tabIndex={0} role="region" aria-label="What parts add, as a table">
					<table class="numbers">
						<thead>
							<tr>
								<th scope="col">adds to the logit of</th>
								<th scope="col">{label} (right)</th>
								<th scope="col">{rival}</th>
								<th scope="col">difference</th>
							</tr>
						</thead>
						<tbody>
							{rows.map(({ name, color, values }) => (
								<tr
									key={name}
									data-part={name}
									data-right={values[label]}
									data-rival={values[rival]}
								>
									<th scope="row" style={{ "--mark": color }}>
										{name}
									</th>
									<td>{short(values[label]!)}</td>
									<td>{short(values[rival]!)}</td>
									<td>{short(values[label]! - values[rival]!)}</td>
								</tr>
							))}
						</tbody>
					</table>
					<p class="key">
						{network.layers.length > 1
							? "Layers after the first mix what its neurons say, so that it cannot be told apart. "
							: "What the neurons of each frequency add to the logit of every class. "}
						The mean over classes, which decides nothing, is left out. The dashed line is the right
						answer; {rival} is the largest of the others.
						{!taken.isWhole && " This is the network as it is taken apart."}
					</p>
				</div>
			</div>
		</>
	);
}

function logitsOf({ network, forward }: Scored, question: number): Float64Array {
	return answering(network, forward)(question);
}

interface RowsProps {
	rows: Part[];
	look: Look;
	label: number;
	answer: number;
	words: string;
}

/** Every part as a line over the classes, all in the same units, one below the other. */
function Rows({ rows, look, label, answer, words }: RowsProps): JSX.Element {
	const ranges = rows.map(({ values }) => rangeOf(values));
	const unit = ROOM / (ranges.reduce((sum, [low, high]) => sum + high - low, 0) || 1);
	const heights = ranges.map(([low, high]) => Math.max(LINE, (high - low) * unit) + LINE);
	const height = heights.reduce((sum, x) => sum + x, 0) + 40;
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width, look } = frame;
			const box = { left: 4, right: width - 10, top: 0, bottom: height - 38 };
			const classes = rows[0]!.values.length;
			const x = (c: number) => box.left + ((c + 0.5) / classes) * (box.right - box.left);
			let top = 0;
			rows.forEach(({ name, color, values }, i) => {
				const zero = top + LINE - 4 + ranges[i]![1] * unit;
				drawRow(frame, { name, color, values }, { x, zero, unit, top });
				context.strokeStyle = look.ink;
				context.lineWidth = 1;
				context.setLineDash([4, 3]);
				context.strokeRect(x(label), top + LINE - 4, 0, heights[i]! - LINE + 4);
				context.setLineDash([]);
				context.fillStyle = color;
				disc(context, x(label), zero - values[label]! * unit, 3);
				top += heights[i]!;
			});
			const last = rows.at(-1)!.values;
			const zero = top - heights.at(-1)! + LINE - 4 + ranges.at(-1)![1] * unit;
			context.fillStyle = answer === label ? look.ink : look.test;
			disc(context, x(answer), zero - last[answer]! * unit, 4.5);
			const ticks = [0, Math.floor((classes - 1) / 2), classes - 1];
			drawX(
				frame,
				box,
				x,
				ticks.map((at) => ({ at, words: `${at}` })),
				"class",
			);
		},
		[rows, label, answer, height],
	);
	const told = rows.map(({ name, values }) => `${name} ${short(values[label]!)}`);
	const spoken = `Logits by class. ${words} To the right answer's: ${told.join(", ")}.`;
	const table = () => ({
		columns: ["class", ...rows.map(({ name }) => name)],
		rows: [...rows[0]!.values].map((_, c) => [c, ...rows.map(({ values }) => values[c]!)]),
	});
	return <Picture name="interference" {...{ label: spoken, height, look, draw, table }} />;
}

function rangeOf(values: Float64Array): [number, number] {
	return [Math.min(0, ...values), Math.max(0, ...values)];
}

function disc(context: CanvasRenderingContext2D, x: number, y: number, radius: number) {
	context.beginPath();
	context.arc(x, y, radius, 0, 2 * Math.PI);
	context.fill();
}

interface Place {
	x: (c: number) => number;
	zero: number; // pixels from above
	unit: number; // pixels of a logit
	top: number;
}

function drawRow(frame: Frame, { name, color, values }: Part, place: Place) {
	const { context, look } = frame;
	const { x, zero, unit, top } = place;
	context.strokeStyle = look.rule;
	context.lineWidth = 0.8;
	context.strokeRect(x(-0.5), zero, x(values.length - 0.5) - x(-0.5), 0);
	context.beginPath();
	values.forEach((value, c) => context.lineTo(x(c), zero - value * unit));
	context.strokeStyle = color;
	context.lineWidth = 2;
	context.lineJoin = "round";
	context.stroke();
	context.lineTo(x(values.length - 1), zero);
	context.lineTo(x(0), zero);
	context.globalAlpha = 0.16;
	context.fillStyle = color;
	context.fill();
	context.globalAlpha = 1;
	heading(frame, x(-0.5), top + 18, name, color);
}

function Maps({ look, state, change, taken, pairs }: Given): JSX.Element {
	const { result, forward } = taken.left;
	if (!result) return <Note>Computing the answers to all pairs …</Note>;
	const given = { look, state, change, pairs, result, trained: forward.trained.data };
	return (
		<>
			<div class="maps">
				<CorrectLogit {...given} />
				<Margin {...given} />
				<Errors {...given} />
			</div>
			<p class="key">
				Click a pair to look at it. A margin is by how much the right logit exceeds all others:
				below zero the answer is wrong. Every map has a colour scale of its own.
			</p>
		</>
	);
}

interface OfResult {
	look: Look;
	state: State;
	change: (part: Partial<State>) => void;
	pairs: Pairs;
	result: Result;
	trained: ArrayLike<number>;
}

function CorrectLogit({ result, trained, ...given }: OfResult): JSX.Element {
	const { pairs } = given;
	const [low, high] = extent(result.correct);
	const image = useCallback(
		(look: Look) => {
			const sides = [look.test, look.train].map((color) => rgb(color).slice(0, 3));
			return pairImage(pairs, (q) => {
				const part = (result.correct[q]! - low) / (high - low || 1);
				return [...sides[trained[q]!]!, 255 * (FAINT + (1 - FAINT) * part)];
			});
		},
		[pairs, result, trained],
	);
	const title = `right logit: ${short(low)} to ${short(high)}`;
	return (
		<div>
			<PairMap
				name="map-correct"
				values={{ trained, "correct logit": result.correct }}
				{...{ ...given, title, image, label: `Map of all pairs, ${title}.` }}
			/>
			<p class="key">
				The stronger, the larger; <Sides />.
			</p>
		</div>
	);
}

function Sides(): JSX.Element {
	return (
		<>
			<span class="train">training</span> and <span class="test">test</span> pairs
		</>
	);
}

function Margin({ result, ...given }: OfResult): JSX.Element {
	const { pairs } = given;
	const limit = largest(result.margin);
	const image = useCallback(
		(look: Look) =>
			pairImage(pairs, (q) => shade(look.ramps["weights"]!, 0.5 + result.margin[q]! / (2 * limit))),
		[pairs, result],
	);
	const [low, high] = extent(result.margin);
	const title = `margin: ${short(low)} to ${short(high)}`;
	return (
		<PairMap
			name="map-margin"
			values={{ margin: result.margin }}
			{...{ ...given, title, image, label: `Map of all pairs, ${title}.` }}
		/>
	);
}

function Errors({ result, trained, ...given }: OfResult): JSX.Element {
	const { pairs } = given;
	const image = useCallback(
		(look: Look) => {
			const colors = [look.test, look.train].map((color) => [rgb(color), rgb(color, FAINT)]);
			return pairImage(pairs, (q) => colors[trained[q]!]![result.right[q]!]!);
		},
		[pairs, result, trained],
	);
	const wrong = result.right.reduce((sum, hit) => sum + 1 - hit, 0);
	const label = `Map of all pairs with ${whole(wrong)} errors: ${sides(result, "pairs")} are right.`;
	return (
		<div>
			<PairMap
				name="map-errors"
				values={{ trained, right: result.right }}
				{...{ ...given, title: `errors: ${whole(wrong)}`, image, label }}
			/>
			<p class="key">
				Strong where the answer is wrong, faint where it is right; <Sides />.
			</p>
		</div>
	);
}

function extent(values: Float32Array): [number, number] {
	let [low, high] = [Infinity, -Infinity];
	for (const value of values) {
		low = Math.min(low, value);
		high = Math.max(high, value);
	}
	return [low, high];
}
