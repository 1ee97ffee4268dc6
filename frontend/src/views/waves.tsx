import type { JSX } from "preact";
import { useCallback, useMemo } from "preact/hooks";
import { drawX, heading } from "../axes.ts";
import { isMissing, type Kept, largest, row } from "../bundle.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import { colorOf, type Group, groups } from "../groups.ts";
import { grid } from "../tables.ts";
import { percent, whole } from "../words.ts";

const TITLE = 22;
const FOOT = 40;

interface Props {
	kept: Kept;
	index: number;
	look: Look;
}

/** The weights of every neuron as lines: over the tokens that it reads, and over what it writes. */
export function Waves({ kept, index, look }: Props): JSX.Element {
	const [, tables = 1] = kept.w_in.shape;
	const sides = useMemo(() => sidesOf(kept), [kept]);
	if (!kept.tokens || !kept.frequency)
		return (
			<Note>
				{kept.tokens
					? "The neurons of this network cannot be computed here: there are no waves of them."
					: "This network reads features, which stand in no order: there are no waves."}
			</Note>
		);
	return (
		<>
			<div class="pair">
				{sides.map((side) => (
					<Lines key={side.name} {...{ kept, index, look, side }} />
				))}
			</div>
			<p class="key">
				{tables > 1 && "Tokens are those of the first operand. "}
				Groups are those of the last step. A line is coloured once {percent(kept.share!)} of{" "}
				{kept.channels
					? "the variance of what its neuron says of all pairs"
					: "the power of its neuron’s input weights"}{" "}
				is in one frequency.
			</p>
		</>
	);
}

/** Whether what neurons write is logits. */
function answers({ w_out, forward }: Kept): boolean {
	return w_out !== null && !isMissing(forward) && forward.network.layers.length === 1;
}

/** One number of each neuron for each place of a line. */
interface Side {
	name: string;
	title: string;
	words: string;
	across: string;
	places: number;
	numbers: (index: number) => ArrayLike<number>;
	scale: number; // the largest weight of all steps
	at: (neuron: number, place: number) => number;
}

function sidesOf(kept: Kept): Side[] {
	return [...(kept.channels ? [] : [readBy(kept)]), ...(answers(kept) ? [writtenBy(kept)] : [])];
}

function readBy({ w_in }: Kept): Side {
	const [, , tokens = 0, neurons = 0] = w_in.shape;
	return {
		name: "waves",
		title: "what neurons read",
		words: "Input weights",
		across: "token",
		places: tokens,
		numbers: (index) => row(w_in, index),
		scale: largest(w_in.data),
		at: (neuron, token) => token * neurons + neuron,
	};
}

function writtenBy({ w_out }: Kept): Side {
	const [, , outputs = 0] = w_out!.shape;
	return {
		name: "waves-out",
		title: "what neurons write",
		words: "Output weights",
		across: "class",
		places: outputs,
		numbers: (index) => row(w_out!, index),
		scale: largest(w_out!.data),
		at: (neuron, output) => neuron * outputs + output,
	};
}

function Lines({ kept, index, look, side }: Props & { side: Side }): JSX.Element {
	const found = groups(kept);
	const { name, words, across, places } = side;
	const neurons = kept.order.data.length;
	const spacing = Math.max(1.5, Math.min(16, 640 / neurons));
	const height = FOOT + found.length * (TITLE + spacing) + neurons * spacing;
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width } = frame;
			const box = { left: 4, right: width - 8, top: 0, bottom: height - FOOT };
			const x = (place: number) =>
				box.left + (place / Math.max(1, places - 1)) * (box.right - box.left);
			const numbers = side.numbers(index);
			const scale = (1.2 * spacing) / side.scale;
			const now = row(kept.frequency!, index);
			let y = 0;
			for (const group of found) {
				const color = colorOf(group.frequency, kept, look);
				y += TITLE;
				heading(frame, 4, y - 5, titleOf(group, now), color);
				for (const neuron of group.neurons) {
					y += spacing;
					context.strokeStyle = now[neuron] ? colorOf(now[neuron], kept, look) : look.quiet;
					context.lineWidth = Math.min(now[neuron] ? 1.7 : 1, spacing / 4);
					context.beginPath();
					for (let place = 0; place < places; place++) {
						context.lineTo(x(place), y - scale * numbers[side.at(neuron, place)]!);
					}
					context.stroke();
				}
				y += spacing;
			}
			const ticks = [0, Math.floor((places - 1) / 2), places - 1];
			const marks = ticks.map((at) => ({ at, words: `${at}` }));
			drawX(frame, box, x, marks, across);
		},
		[kept, index, height, name],
	);
	const table = () => {
		const numbers = side.numbers(index);
		return grid(
			["neuron", across, "weight"],
			kept.order.data,
			places,
			(neuron, place) => numbers[side.at(neuron, place)]!,
		);
	};
	const now = [...row(kept.frequency!, index)];
	const waves = now.filter(Boolean);
	const all = [...new Set(waves)].sort((a, b) => a - b);
	const label =
		`${words} of ${neurons} neurons over ${places} ${across === "class" ? "classes" : "tokens"} ` +
		`at step ${whole(kept.steps.data[index]!)}. ` +
		`${waves.length} are waves of one frequency${all.length ? `: ${all.join(", ")}` : ""}.`;
	return (
		<div>
			<h3>{side.title}</h3>
			<Picture {...{ name, label, height, look, draw, table }} />
		</div>
	);
}

function titleOf({ frequency, neurons }: Group, now: ArrayLike<number>): string {
	const name = frequency ? `frequency ${frequency}` : "no one frequency";
	const there = neurons.filter((n) => now[n] === frequency).length;
	return `${name} · ${there} of ${neurons.length} neurons`;
}
